"use strict";
// Without this script every page works and has to be reloaded by hand. With it the region with
// `data-stream` follows the server, which sends the HTML of those parts that have changed.
document.documentElement.classList.add("script");

document.addEventListener("DOMContentLoaded", () => {
  const ANNOUNCE_EVERY = 5000; // a screen reader has to be able to finish a sentence
  let announced = 0;
  for (const region of document.querySelectorAll("[data-stream]")) follow(region);

  function follow(region) {
    const address = new URL(region.dataset.stream, location.href);
    address.searchParams.set("seen", region.dataset.version);
    const stream = new EventSource(address);
    stream.addEventListener("open", () => say("This page follows by itself.", "on"));
    stream.addEventListener("message", (event) => {
      const { parts, whole } = JSON.parse(event.data);
      if (whole) fetchWhole(region);
      else for (const [id, html] of Object.entries(parts)) replace(document.getElementById(id), html);
      say("This page follows by itself.", "on");
      announce();
    });
    stream.addEventListener("trouble", (event) => say(`This may be out of date: ${event.data}`, "off"));
    // The server ends a stream with this event: without it the browser would connect again.
    stream.addEventListener("end", () => {
      stream.close();
      say("This page has stopped following. Reload it.", "off");
    });
    stream.addEventListener("error", () => {
      const isOver = stream.readyState === EventSource.CLOSED;
      say(isOver ? "This page can't follow. Reload it." : "No connection. Trying again.", "off");
    });
    addEventListener("pagehide", () => stream.close());
    // A page that comes back from the browser's memory shows what was true then.
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  // Rendered and escaped by the server, which is where the whole page came from.
  function replace(old, html) {
    if (!old) return;
    const template = document.createElement("template");
    template.innerHTML = html.trim();
    swap(old, template.content.firstElementChild);
  }

  function swap(old, fresh) {
    if (old.outerHTML === fresh.outerHTML) return;
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    old.replaceWith(fresh);
    // The focus goes to what is the same for the person: the link to the same place.
    const target = focused?.getAttribute("href");
    if (target) fresh.querySelector(`a[href="${CSS.escape(target)}"]`)?.focus();
    fresh.classList.add("fresh");
  }

  // Parts have come or gone: the page as it is now, without a reload, so that the place in it stays.
  async function fetchWhole(region) {
    const answer = await fetch(location.href).catch(() => null);
    const page = new DOMParser().parseFromString(answer ? await answer.text() : "", "text/html");
    const fresh = page.querySelector("[data-stream]");
    if (!answer?.ok || !fresh) return location.reload();
    // What a person is writing into a field stays.
    const typed = document.activeElement?.matches("input") ? document.activeElement : null;
    region.replaceChildren(...fresh.childNodes);
    for (const outside of page.querySelectorAll("[data-live]")) replace(document.getElementById(outside.id), outside.outerHTML);
    const again = typed && region.querySelector(`input[name="${CSS.escape(typed.name)}"]`);
    if (again && again.type !== "checkbox") {
      again.value = typed.value;
      again.focus();
    }
  }

  function say(words, state) {
    const sign = document.querySelector(".live");
    if (!sign) return;
    sign.hidden = false;
    sign.dataset.state = state;
    const shown = document.getElementById("live-words");
    if (shown.textContent !== words) shown.textContent = words;
    if (state === "off") speak(words);
  }

  // Said politely, and not for each of a hundred messages.
  function announce() {
    announced ||= setTimeout(() => {
      announced = 0;
      speak(document.querySelector("[data-said]")?.dataset.said ?? "");
    }, ANNOUNCE_EVERY);
  }

  function speak(words) {
    const status = document.getElementById("announce");
    if (status && status.textContent !== words) status.textContent = words;
  }
});

// A join link: fetched by a question's form, then in the clipboard, else in a field until the dialog
// is closed. Without script the browser shows the answer, which is the link and nothing else.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!("copy" in form.dataset)) return;
  event.preventDefault();
  const [button, told] = [form.querySelector("button"), form.querySelector("[data-copied]")];
  button.disabled = true;
  told.textContent = "Asking RingCentral…";
  const body = new URLSearchParams(new FormData(form));
  let answer, text;
  try {
    answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/plain" } });
    text = await answer.text();
  } catch {
    told.textContent = "No connection. Try again.";
    button.disabled = false;
    return;
  }
  if (!answer.ok) {
    told.textContent = text;
    return;
  }
  try {
    await navigator.clipboard.writeText(text);
    told.textContent = "The link is in the clipboard.";
  } catch {
    told.textContent = "";
    showInDialog(text);
  }
});

function showInDialog(text) {
  const dialog = document.createElement("dialog");
  const field = Object.assign(document.createElement("input"), { value: text, readOnly: true });
  field.setAttribute("aria-label", "Join link");
  const close = Object.assign(document.createElement("button"), { textContent: "Close" });
  close.addEventListener("click", () => dialog.close());
  // Removed and not hidden: the link stays nowhere in the page.
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(field, close);
  document.body.append(dialog);
  dialog.showModal();
  field.select();
}
