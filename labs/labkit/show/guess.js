document.querySelectorAll(".lk-guess:not([data-ready])").forEach(function (box) {
  var data = box.querySelector(":scope > script[type='application/json']");
  var said = box.querySelector(".lk-said"), fold = box.querySelector("details");
  if (!data || !fold) return;
  var ask = JSON.parse(data.textContent), kept = null;
  var key = "lk-guess " + location.pathname + " " + ask.q;
  var summary = fold.querySelector("summary");
  var form = document.createElement("form");
  function make(tag, words, set) {
    var made = Object.assign(document.createElement(tag), set || {});
    if (words) made.textContent = words;
    form.append(made, " ");
    return made;
  }
  function tell(given) {
    said.textContent = "Your guess: " + given + tail;
    form.remove();
    fold.open = true;
  }
  function lift() {
    delete box.dataset.veil;
    summary.textContent = "The answer";
    form.remove();
  }
  var tail = (ask.of === null ? "" : " of " + ask.of) + (ask.unit ? " " + ask.unit : "");
  form.dataset.lmSuppressShortcuts = "true";
  if (ask.choices.length) {
    form.setAttribute("aria-label", ask.q);
    ask.choices.forEach(function (c) { make("button", c, {value: c}); });
  } else {
    make("input", "", {type: "number", step: "any", required: true, autocomplete: "off",
      max: ask.of === null ? "" : ask.of}).setAttribute("aria-label", ask.q + tail);
    if (tail) make("span", tail.trim());
    make("button", "Guess");
  }
  if (box.closest(".cell")) make("small", "The rest of this part comes after your guess.");
  form.addEventListener("keydown", function (event) { /* a click, which JupyterLab cancels */
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    var field = form.querySelector("input");
    kept = field ? field.value : event.submitter.value;
    try { sessionStorage.setItem(key, kept); } catch (e) { /* not kept, then */ }
    tell(kept);
    summary.focus({preventScroll: true});
  });
  fold.addEventListener("toggle", function () { if (fold.open) lift(); });
  function reach() {
    var there = document.getElementById(location.hash.slice(1));
    if (!there || !("veil" in box.dataset) || there.getClientRects().length) return;
    if (!(box.compareDocumentPosition(there) & 4)) return;
    delete box.dataset.veil;
    there.scrollIntoView();
  }
  window.addEventListener("hashchange", reach);
  document.addEventListener("DOMContentLoaded", reach);
  window.addEventListener("beforeprint", function () { fold.open = true; });
  box.dataset.ready = box.dataset.veil = "1";
  summary.textContent = "Show the answer without guessing";
  said.before(form);
  try { kept = sessionStorage.getItem(key); } catch (e) { kept = null; }
  if (kept !== null) tell(kept);
});
