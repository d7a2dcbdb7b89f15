document.querySelectorAll(".lk-explore:not([data-ready])").forEach(function (panel) {
  var data = panel.querySelector("script[type='application/json']");
  var knob = panel.querySelector("input[type=range]");
  if (!data || !knob) return;
  var rows = JSON.parse(data.textContent);
  var outputs = panel.querySelectorAll("output");
  var bars = panel.querySelectorAll(".lk-bars");
  function show() {
    var now = +knob.value;
    knob.setAttribute("aria-valuetext", rows[now][0]);
    outputs.forEach(function (output, n) { output.value = rows[now][n]; });
    bars.forEach(function (bar) {
      Array.prototype.forEach.call(bar.children, function (column, n) {
        column.classList.toggle("lk-on", n === now);
      });
    });
  }
  knob.disabled = false;
  knob.addEventListener("input", show);
  panel.dataset.ready = "1";
  show();
});
