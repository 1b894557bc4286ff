"use strict";
// Without this script every message is open and shown. With it they are closed at first, can be
// filtered, and hold the pictures that the page has once.
const page = document.documentElement;
page.classList.add("script");

document.addEventListener("DOMContentLoaded", () => {
  const all = [...document.querySelectorAll("details.message")];
  const listed = all.filter((message) => message.dataset.text !== undefined);
  const filter = document.getElementById("filter");

  fillPictures();
  for (const message of all) message.open = listed.length === 1 && message === listed[0];
  // A long list would hide that the messages follow.
  for (const changes of document.querySelectorAll(".changes")) {
    changes.open = changes.querySelectorAll("tbody tr").length <= 12;
  }
  page.classList.add("ready");
  openTarget();
  addEventListener("hashchange", openTarget);
  addEventListener("beforeprint", openAll);
  addEventListener("afterprint", closeAgain);
  offerCopy();
  if (filter) offerFilter();

  function fillPictures() {
    const pictures = [...document.querySelectorAll("img[data-box]")];
    for (const frame of document.querySelectorAll("iframe")) {
      // A frame that still loads its first document may miss a second one: it gets a successor.
      const filled = frame.cloneNode();
      for (const { dataset, src } of pictures) {
        filled.srcdoc = filled.srcdoc.replaceAll(dataset.box, src);
      }
      if (filled.srcdoc !== frame.srcdoc) frame.replaceWith(filled);
    }
  }

  function openTarget() {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.matches("details")) target.open = true;
  }

  function openAll() {
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      details.dataset.printed = "";
    }
  }

  function closeAgain() {
    for (const details of document.querySelectorAll("details[data-printed]")) {
      details.open = false;
      delete details.dataset.printed;
    }
  }

  function offerFilter() {
    filter.hidden = false;
    filter.addEventListener("input", show);
    // A form is reset after its event.
    filter.addEventListener("reset", () => setTimeout(show));
    filter.addEventListener("submit", (event) => event.preventDefault());
    document.getElementById("open").addEventListener("click", () => setOpen(true));
    document.getElementById("close").addEventListener("click", () => setOpen(false));
    show();
  }

  function show() {
    const { text, role, kind, state } = Object.fromEntries(new FormData(filter));
    const words = text.toLowerCase().split(/\s+/);
    for (const message of listed) {
      const found = message.dataset;
      message.hidden = !(
        (!role || found.role === role) &&
        (!kind || found.kind === kind) &&
        (!state || found.state === state) &&
        words.every((word) => found.text.toLowerCase().includes(word))
      );
    }
    const shown = listed.filter((message) => !message.hidden).length;
    document.getElementById("found").textContent =
      `${shown} of ${listed.length} ${listed.length === 1 ? "message" : "messages"} shown.`;
  }

  function setOpen(open) {
    for (const message of listed) if (!message.hidden) message.open = open;
  }

  function offerCopy() {
    const button = document.getElementById("copy");
    const command = document.getElementById("command");
    button.hidden = false;
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(command);
      let said = "Copied.";
      try {
        await navigator.clipboard.writeText(command.textContent);
      } catch {
        said = "Selected: copy it with your keyboard.";
      }
      document.getElementById("copied").textContent = said;
    });
  }
});
