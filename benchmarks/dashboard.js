// What happens in a page, by the browser's own clock; read by the benchmark and by a test.
(() => {
  // Until the picture that shows a change is made: the frame it is drawn in, and the moment after.
  const shown = (then) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => then(performance.now());
    port2.postMessage(null);
  });

  window.began = 0; // when the last key was pressed, as the browser took it in; going to the page at first
  addEventListener("keydown", (event) => (window.began = event.timeStamp), true);

  // Milliseconds from then to the picture in which a selector is there.
  window.until = (selector) => new Promise((done) => {
    const look = () => {
      if (!document.querySelector(selector)) return false;
      shown((now) => done(now - window.began));
      return true;
    };
    if (look()) return;
    const watcher = new MutationObserver(() => look() && watcher.disconnect());
    watcher.observe(document, { subtree: true, childList: true, attributes: true });
  });

  window.long = [];
  new PerformanceObserver((list) => window.long.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ entryTypes: ["longtask"] });

  window.frames_of = (seconds) => new Promise((done) => {
    window.long.length = 0;
    let frames = 0;
    const end = performance.now() + seconds * 1000;
    const count = () => {
      frames += 1;
      if (performance.now() < end) requestAnimationFrame(count);
      else done(frames / seconds);
    };
    requestAnimationFrame(count);
  });
})();
