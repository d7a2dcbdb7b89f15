document.querySelectorAll(".lk-timeline:not([data-ready])").forEach(function (figure) {
  figure.dataset.ready = "1";
  figure.addEventListener("mouseover", function (event) {
    var mark = event.target.closest("[data-t]");
    if (!mark) return;
    var title = document.createElementNS(mark.namespaceURI, "title");
    title.textContent = mark.dataset.t;
    mark.append(title);
    delete mark.dataset.t;
  });
});
