(function () {
  "use strict";
  var figures = JSON.parse(document.getElementById("figures").textContent);
  var charts = Array.prototype.slice.call(document.querySelectorAll(".chart"));
  var dark = window.matchMedia("(prefers-color-scheme: dark)");

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function themed() {
    return {
      "paper_bgcolor": "rgba(0,0,0,0)",
      "plot_bgcolor": "rgba(0,0,0,0)",
      "font.color": colour("--text"),
      "hoverlabel.bgcolor": colour("--card"),
      "hoverlabel.font.color": colour("--text"),
      "xaxis.linecolor": colour("--line"),
      "xaxis.tickcolor": colour("--line"),
      "xaxis.gridcolor": colour("--grid"),
      "yaxis.gridcolor": colour("--grid"),
      "yaxis.zerolinecolor": colour("--line"),
      "yaxis2.gridcolor": colour("--grid")
    };
  }

  function draw(element) {
    if (element.dataset.drawn) { return; }
    element.dataset.drawn = "yes";
    var figure = figures[element.id];
    var layout = figure.layout;
    var narrow = element.clientWidth < 560;
    layout.height = Number(element.dataset.height);
    layout.font = { family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 12 };
    if (!narrow) { layout.margin.l = 72; }  // so that charts line up
    if (narrow) {
      // a finger on a chart scrolls the page
      layout.dragmode = false;
      layout.xaxis.nticks = 4;
      if (layout.yaxis2) { layout.yaxis2.nticks = 4; }
    }
    var config = {
      responsive: true,
      displaylogo: false,
      displayModeBar: narrow ? false : "hover",
      scrollZoom: false,
      modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"]
    };
    Plotly.newPlot(element, figure.data, layout, config).then(function () {
      return Plotly.relayout(element, themed());
    }).then(function () {
      element.dataset.ready = "yes";
    });
  }

  function toggle(event) {
    var button = event.target.closest(".legend button");
    if (!button) { return; }
    var list = button.closest(".legend");
    var element = document.getElementById(list.dataset.for);
    if (!element.dataset.ready) { return; }
    var index = Array.prototype.indexOf.call(list.children, button.parentNode);
    var shown = button.getAttribute("aria-pressed") === "true";
    button.setAttribute("aria-pressed", String(!shown));
    Plotly.restyle(element, { visible: !shown }, [index]);
  }

  function drawAll() { charts.forEach(draw); }

  if ("IntersectionObserver" in window) {
    var observer = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (entry.isIntersecting) {
          observer.unobserve(entry.target);
          draw(entry.target);
        }
      });
    }, { rootMargin: "600px" });
    charts.forEach(function (element) { observer.observe(element); });
  } else {
    drawAll();
  }
  document.addEventListener("click", toggle);
  window.addEventListener("beforeprint", drawAll);
  dark.addEventListener("change", function () {
    charts.forEach(function (element) {
      if (element.dataset.ready) { Plotly.relayout(element, themed()); }
    });
  });
  // a link to a session opens it
  window.addEventListener("hashchange", openTarget);
  function openTarget() {
    var target = document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  }
  openTarget();
})();
