// A live market of its own in a page: all rows change RATE times a second, whatever the server does.
(() => {
  const hello = JSON.stringify({type: "hello", protocol: 1, epoch: "e", workspace: "demo", simulated: true});
  const row = (at, n) => ({symbol: String(100000 + at), price: 1000 + ((at * 7 + n * 13) % 900),
    change: (at + n) % 9 - 4, change_ratio: ((at + n) % 9 - 4) / 100,
    open: 1000, high: 1900, low: 1000, volume: at * 10 + n, value: at * 1e7 + n,
    at: "2026-11-20T01:00:00Z", session: "regular", venue: "KRX"});
  const frame = (n) => JSON.stringify({type: "frames", frames: [{topic: "board", snapshot: n === 0,
    data: Array.from({length: SYMBOLS}, (_, at) => row(at, n))}]});
  const frames = Array.from({length: 8}, (_, n) => frame(n));
  window.fed = 0;
  class Feed {
    readyState = 1;
    constructor() { window.feed = this; window.sample = frames[1]; setTimeout(() => this.onmessage({data: hello}), 0); }
    send(text) {
      if (!text.includes("board") || this.timer) return;
      this.timer = setInterval(() => { this.onmessage({data: frames[window.fed % 8]}); window.fed += 1; }, 1000 / RATE);
    }
    close() { clearInterval(this.timer); }
  }
  window.WebSocket = Feed;
})();
