"use strict";
// Without this script every page works and has to be reloaded by hand. With it a part of a page with
// `data-stream` follows the server, which sends that part's HTML whenever it has changed.
document.documentElement.classList.add("script");

document.addEventListener("DOMContentLoaded", () => {
  for (const part of document.querySelectorAll("[data-stream]")) follow(part);

  function follow(part) {
    const stream = new EventSource(part.dataset.stream);
    stream.addEventListener("message", (event) => {
      const { html } = JSON.parse(event.data);
      // Rendered and escaped by the server, which is where the whole page came from.
      part.innerHTML = html;
    });
    // The server ends a stream with this event: without it the browser would connect again.
    stream.addEventListener("end", () => stream.close());
    addEventListener("pagehide", () => stream.close());
  }
});
