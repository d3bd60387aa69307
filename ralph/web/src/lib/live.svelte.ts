// One WebSocket for the whole tab: topics are shared, frames go to whoever listens, and after a break the numbered
// ones are asked for again from where they stopped.

export interface Frame<T = unknown> {
  topic: string;
  seq?: number;
  snapshot?: boolean;
  data: T;
}

type Listener = (frame: Frame) => void;

interface Welcome {
  type: "hello";
  epoch: string;
}

type Message =
  | Welcome
  | { type: "frames"; frames: Frame[] }
  | { type: "reset"; topic: string }
  | { type: "subscribed" | "unsubscribed" | "pong"; id?: number }
  | { type: "error"; code: string; detail: string };

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const PING_MS = 20_000;
const SILENT_MS = 45_000; // nothing for so long, not even a pong: the connection is dead

export const live = $state<{ state: "off" | "connecting" | "live"; detail: string }>({ state: "off", detail: "" });

/** The connection, independent of the page: `open` makes a socket, so that tests can bring their own. */
export class LiveSocket {
  #open: () => WebSocket;
  #socket: WebSocket | null = null;
  #listeners = new Map<string, Set<Listener>>();
  #since: Record<string, number> = {};
  #epoch = "";
  #next = 1;
  #wait = FIRST_WAIT_MS;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #pinging: ReturnType<typeof setInterval> | undefined;
  #heardAt = 0;
  #stopped = true;
  #isGreeted = false; // beside live.state: who listens inside an effect must not be asked again when that changes

  constructor(open: () => WebSocket) {
    this.#open = open;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    clearInterval(this.#pinging);
    this.#socket?.close();
    this.#socket = null;
    live.state = "off";
  }

  /** Begin anew, as for another market: what was numbered there means nothing here. */
  restart(): void {
    this.stop();
    this.#since = {};
    this.#epoch = "";
    this.start();
  }

  /** Listen to a topic until the returned function is called. The first listener subscribes, the last unsubscribes. */
  listen<T>(topic: string, listener: (frame: Frame<T>) => void): () => void {
    const there = this.#listeners.get(topic);
    const each = listener as Listener;
    if (there) there.add(each);
    else this.#listeners.set(topic, new Set([each]));
    // A second listener needs the snapshot too: asking again brings it, and what is numbered goes on where it was.
    this.#send({ op: "subscribe", topics: [topic], since: this.#sinceOf([topic]), epoch: this.#epoch });
    return () => {
      const left = this.#listeners.get(topic);
      left?.delete(each);
      if (left?.size) return;
      this.#listeners.delete(topic);
      delete this.#since[topic];
      this.#send({ op: "unsubscribe", topics: [topic] });
    };
  }

  #connect(): void {
    live.state = "connecting";
    this.#isGreeted = false;
    const socket = this.#open();
    this.#socket = socket;
    socket.onmessage = (event: MessageEvent<string>) => {
      if (this.#socket === socket) this.#hear(JSON.parse(event.data) as Message);
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#isGreeted = false;
      clearInterval(this.#pinging);
      live.state = "off";
      if (this.#stopped) return;
      // Spread out, lest all browsers come back in the same moment.
      this.#retry = setTimeout(() => this.#connect(), this.#wait * (0.5 + Math.random() / 2));
      this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    };
  }

  #hear(message: Message): void {
    this.#heardAt = Date.now();
    if (message.type === "hello") this.#greeted(message);
    else if (message.type === "frames") for (const frame of message.frames) this.#give(frame);
    else if (message.type === "reset") delete this.#since[message.topic];
    else if (message.type === "error") live.detail = message.detail;
  }

  #greeted(message: Welcome): void {
    live.state = "live";
    this.#isGreeted = true;
    live.detail = "";
    this.#wait = FIRST_WAIT_MS;
    const topics = [...this.#listeners.keys()];
    // The numbers of another epoch mean nothing to this server; it is told which they are from, and decides.
    if (topics.length) this.#send({ op: "subscribe", topics, since: this.#sinceOf(topics), epoch: this.#epoch || message.epoch });
    this.#epoch = message.epoch;
    clearInterval(this.#pinging);
    this.#pinging = setInterval(() => this.#ping(), PING_MS);
  }

  #ping(): void {
    if (Date.now() - this.#heardAt > SILENT_MS) this.#socket?.close();
    else this.#send({ op: "ping" });
  }

  #give(frame: Frame): void {
    if (typeof frame.seq === "number") this.#since[frame.topic] = frame.seq;
    for (const listener of this.#listeners.get(frame.topic) ?? []) listener(frame);
  }

  #sinceOf(topics: string[]): Record<string, number> {
    return Object.fromEntries(topics.flatMap((topic) => (topic in this.#since ? [[topic, this.#since[topic]!]] : [])));
  }

  #send(message: Record<string, unknown>): void {
    if (this.#socket?.readyState !== 1 || !this.#isGreeted) return; // the greeting subscribes to everything
    this.#socket.send(JSON.stringify({ id: this.#next, ...message }));
    this.#next += 1;
  }
}

export const socket = new LiveSocket(() => {
  const workspace = new URLSearchParams(location.search).get("workspace");
  const query = workspace ? `?workspace=${encodeURIComponent(workspace)}` : "";
  return new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws${query}`);
});
