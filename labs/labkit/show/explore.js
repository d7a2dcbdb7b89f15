document.querySelectorAll(".lk-explore:not([data-ready])").forEach(function (panel) {
  var data = panel.querySelector("script[type='application/json']");
  var fold = panel.querySelector("details");
  if (!data || !fold) return;
  var all = JSON.parse(data.textContent), seen = {}, now = 0, controls = [];
  var outputs = [], bars = [], about = fold.querySelector(".lk-about");
  function make(tag, into, name, words) {
    var made = document.createElement(tag);
    made.className = name;
    if (words) made.textContent = words;
    into.append(made, " ");
    return made;
  }
  function line(name, into, kind) {
    var row = make("div", into, kind);
    return [row, make("span", row, "lk-name", name)];
  }
  function show(next, through) {
    for (var n = Math.min(now, next); n <= Math.max(now, next); n++) {
      if (through || n === next) seen[n] = true;
    }
    now = next;
    outputs.forEach(function (output, n) { output.value = all.stops[now][n]; });
    bars.forEach(function (bar, measure) {
      [].forEach.call(bar.children, function (column, n) {
        column.classList.toggle("lk-on", n === now);
        column.classList.toggle("lk-seen", !!seen[n]);
        column.classList.toggle("lk-zero", !!seen[n] && !all.shares[measure][n]);
        column.style.height = seen[n] ? all.shares[measure][n] + "%" : "";
      });
    });
    controls.forEach(function (control, n) {
      if (all.slides) control.setAttribute("aria-valuetext", all.stops[now][0]);
      else control.setAttribute("aria-pressed", n === now);
    });
    var left = all.stops.length - Object.keys(seen).length;
    hint.textContent = left ? left + " more to try" : about ? about.textContent : "";
  }
  var box = document.createElement("div");
  box.dataset.lmSuppressShortcuts = "true"; /* JupyterLab takes arrow keys */
  fold.before(box);
  var knob = line(all.names[0], box, "lk-knob")[0];
  if (all.slides) {
    var slider = make("input", knob, "");
    Object.assign(slider, {type: "range", min: 0, max: all.stops.length - 1, value: 0});
    slider.setAttribute("aria-label", all.names[0]);
    slider.addEventListener("input", function () { show(+slider.value, true); });
    controls.push(slider);
    outputs.push(make("output", knob, ""));
    outputs[0].setAttribute("aria-live", "off");
  } else {
    var group = make("div", knob, "lk-choices");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", all.names[0]);
    all.stops.forEach(function (stop, n) {
      var button = make("button", group, "", stop[0]);
      button.type = "button";
      button.addEventListener("click", function () { show(n); });
      controls.push(button);
    });
    outputs.push({});
  }
  all.names.slice(1).forEach(function (name) {
    var row = line(name, box, "lk-measure")[0], bar = make("span", row, "lk-bars");
    bar.setAttribute("aria-hidden", "true");
    all.stops.forEach(function () { bar.append(document.createElement("i")); });
    bars.push(bar);
    outputs.push(make("output", row, ""));
    outputs[outputs.length - 1].setAttribute("aria-label", name);
  });
  var hint = make("p", box, "lk-hint");
  hint.setAttribute("role", "status");
  panel.dataset.ready = "1";
  window.addEventListener("beforeprint", function () { fold.open = true; });
  show(0);
});
