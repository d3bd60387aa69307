import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { live, LiveSocket, type Frame } from "./live.svelte";

/** A socket whose other end is the test. */
class FakeSocket {
  static all: FakeSocket[] = [];
  readyState = 1;
  sent: Record<string, unknown>[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;

  constructor() {
    FakeSocket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.readyState = 3;
    this.onclose?.();
  }
  hear(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const hello = (epoch: string): unknown => ({ type: "hello", protocol: 1, epoch, workspace: "demo", simulated: true });
const newest = (): FakeSocket => FakeSocket.all.at(-1)!;
let socket: LiveSocket;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  socket = new LiveSocket(() => new FakeSocket() as unknown as WebSocket);
  socket.start();
});
afterEach(() => {
  socket.stop();
  vi.useRealTimers();
});

test("what is listened to is subscribed once the server has greeted", () => {
  socket.listen("board", () => undefined);
  expect(newest().sent).toEqual([]);
  newest().hear(hello("e1"));
  expect(newest().sent[0]).toMatchObject({ op: "subscribe", topics: ["board"] });
  expect(live.state).toBe("live");
});

test("frames go to those who listen to their topic, and to nobody who has left", () => {
  newest().hear(hello("e1"));
  const heard: Frame[] = [];
  const leave = socket.listen("signals", (frame) => heard.push(frame));
  newest().hear({ type: "frames", frames: [{ topic: "signals", seq: 1, data: 1 }, { topic: "gate", data: 2 }] });
  leave();
  newest().hear({ type: "frames", frames: [{ topic: "signals", seq: 2, data: 3 }] });
  expect(heard.map((frame) => frame.data)).toEqual([1]);
  expect(newest().sent.at(-1)).toMatchObject({ op: "unsubscribe", topics: ["signals"] });
});

test("after a break it comes back by itself and asks for what it missed", () => {
  newest().hear(hello("e1"));
  socket.listen("signals", () => undefined);
  newest().hear({ type: "frames", frames: [{ topic: "signals", seq: 41, data: {} }] });
  newest().close();
  expect(live.state).toBe("off");
  vi.advanceTimersByTime(1_000);
  expect(FakeSocket.all).toHaveLength(2);
  newest().hear(hello("e1"));
  expect(newest().sent[0]).toMatchObject({ op: "subscribe", topics: ["signals"], since: { signals: 41 }, epoch: "e1" });
});

test("another epoch is told which numbers we have, and a reset forgets them", () => {
  newest().hear(hello("e1"));
  socket.listen("signals", () => undefined);
  newest().hear({ type: "frames", frames: [{ topic: "signals", seq: 7, data: {} }] });
  newest().close();
  vi.advanceTimersByTime(1_000);
  newest().hear(hello("e2"));
  expect(newest().sent[0]).toMatchObject({ since: { signals: 7 }, epoch: "e1" });
  newest().hear({ type: "reset", topic: "signals" });
  newest().close();
  vi.advanceTimersByTime(2_000);
  newest().hear(hello("e2"));
  expect(newest().sent[0]).toMatchObject({ since: {}, epoch: "e2" });
});

test("it waits longer from break to break, to a limit, and gives up only when stopped", () => {
  for (let turn = 0; turn < 12; turn += 1) {
    newest().close();
    vi.advanceTimersByTime(15_000);
  }
  expect(FakeSocket.all).toHaveLength(13);
  socket.stop();
  vi.advanceTimersByTime(60_000);
  expect(FakeSocket.all).toHaveLength(13);
});

test("a connection that says nothing any more is given up", () => {
  newest().hear(hello("e1"));
  vi.advanceTimersByTime(80_000);
  expect(FakeSocket.all.length).toBeGreaterThan(1);
});

test("another market begins anew: its connection is asked for everything from the start, the old one says no more", () => {
  newest().hear(hello("e1"));
  const heard: Frame[] = [];
  socket.listen("signals", (frame) => heard.push(frame));
  newest().hear({ type: "frames", frames: [{ topic: "signals", seq: 7, data: 1 }] });
  const old = newest();
  socket.restart();
  old.hear({ type: "frames", frames: [{ topic: "signals", seq: 8, data: 2 }] });
  newest().hear(hello("e1"));
  expect(newest()).not.toBe(old);
  expect(newest().sent[0]).toMatchObject({ op: "subscribe", topics: ["signals"], since: {} });
  expect(heard.map((frame) => frame.data)).toEqual([1]);
});
