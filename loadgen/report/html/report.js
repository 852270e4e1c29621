// The values under the pointer, or under a cursor moved with the arrow keys. Without this script every picture and
// every number of the page is there all the same.
"use strict";
for (const figure of document.querySelectorAll("figure.picture")) {
  const data = figure.querySelector("script.panels");
  if (!data) continue;
  const panels = JSON.parse(data.textContent);
  const drawn = figure.querySelector(".drawn");
  const svg = drawn.querySelector("svg");
  const told = figure.querySelector(".told");
  const [left, top, width, height] = svg.getAttribute("viewBox").split(/\s+/).map(Number);
  const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "path");
  cursor.setAttribute("style", "stroke: var(--ink); stroke-width: 0.8; stroke-dasharray: 2 2; fill: none");
  svg.append(cursor);
  let at = -1;

  const placeOf = (panel, value) => {
    const share = (value - panel.limits[0]) / (panel.limits[1] - panel.limits[0]);
    return left + width * (panel.box[0] + share * (panel.box[2] - panel.box[0]));
  };
  const show = (index) => {
    const xs = panels[0].x;
    at = Math.max(0, Math.min(xs.length - 1, index));
    cursor.setAttribute("d", panels.map((panel) => {
      const x = placeOf(panel, panel.x[at]);
      return `M${x} ${top + height * panel.box[1]}V${top + height * panel.box[3]}`;
    }).join(""));
    const words = panels.flatMap((panel) => panel.series)
      .filter((line) => line.values[at] !== null && line.values[at] !== undefined)
      .map((line) => `${line.name} ${number.format(line.values[at])} ${line.unit}`.replace(" /s", "/s"));
    told.textContent = [panels[0].labels[at], ...words].join(" · ");
  };
  const hide = () => { at = -1; cursor.removeAttribute("d"); told.textContent = ""; };

  drawn.addEventListener("pointermove", (event) => {
    const matrix = svg.getScreenCTM();
    if (!matrix) return;
    const x = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse()).x;
    let best = 0;
    panels[0].x.forEach((value, index) => {
      if (Math.abs(placeOf(panels[0], value) - x) < Math.abs(placeOf(panels[0], panels[0].x[best]) - x)) best = index;
    });
    show(best);
  });
  drawn.addEventListener("pointerleave", hide);
  drawn.addEventListener("blur", hide);
  drawn.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const last = panels[0].x.length - 1;
    show(step === Infinity ? last : step === -Infinity ? 0 : at + step);
  });
}
