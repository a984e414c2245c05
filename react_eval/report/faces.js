"use strict";
// Schematic faces that action units move; strengths are bytes, a row of units a frame.
const SHAPES = ["head", "browLeft", "browRight", "eyeLeft", "eyeRight", "nose", "foldLeft", "foldRight", "mouth", "chin"];
const SVG = "http://www.w3.org/2000/svg";

function unpack(text) {
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}

function drawing(place) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "schematic face");
  const parts = {};
  for (const name of SHAPES) {
    parts[name] = document.createElementNS(SVG, "path");
    parts[name].setAttribute("class", name.replace(/Left|Right/, ""));
    svg.append(parts[name]);
  }
  place.append(svg);
  return parts;
}

// How strong an action unit is, 0 where the data has none of that number.
function reader(units, bytes, frame) {
  return (unit) => {
    const column = units.indexOf(String(unit));
    return column < 0 ? 0 : bytes[frame * units.length + column] / 255;
  };
}

function brow(side, au) {
  const inner = 34 - 6 * au(1) + 4 * au(4) + 2 * au(9);
  const outer = 34 - 6 * au(2) + 2 * au(4);
  const near = 50 + side * (10 - 2.5 * au(4));
  const far = 50 + side * 28;
  return `M${near},${inner} Q${50 + side * 18},${(inner + outer) / 2 - 4} ${far},${outer}`;
}

function eye(side, au) {
  const centre = 50 + side * 18;
  const upper = Math.max(5 + 2.5 * au(5) - 2.5 * au(7) - 5 * au(45), 0.3);
  const lower = Math.max(4 - 2.5 * au(6) - 1.5 * au(7) - 4 * au(45), 0.3);
  const open = `M${centre - 8},44 Q${centre},${44 - 2 * upper} ${centre + 8},44 Q${centre},${44 + 2 * lower} ${centre - 8},44`;
  const size = Math.min(2.2, (upper + lower) / 2);
  return `${open} M${centre - size},44 a${size},${size} 0 1,0 ${2 * size},0 a${size},${size} 0 1,0 ${-2 * size},0`;
}

function nose(au) {
  const lift = 2.5 * au(9);
  return `M50,46 L47.5,${60 - lift} Q50,${63 - lift} 53,${60 - lift} M44,${50 - lift} l${3 * au(9)},${-2 * au(9)} M56,${50 - lift} l${-3 * au(9)},${-2 * au(9)}`;
}

function fold(side, au) {
  const depth = Math.max(au(12), au(6), au(9), au(14));
  const length = 10 * depth;
  return depth < 0.05 ? "" : `M${50 + side * 14},61 q${side * 5},${length / 2} ${side * 6},${length}`;
}

function mouth(au) {
  const half = 13 + 5 * au(12) + 2.5 * au(14) - 3 * au(23) - 1.5 * au(17);
  const corner = 74 - 6 * au(12) + 5 * au(15) - 1.5 * au(14);
  const parted = 2.5 * au(25) + 11 * au(26);
  const thickness = 1.6 * (1 - 0.7 * Math.max(au(24), au(23)));
  const top = 73 - 3.5 * au(10) - thickness - 0.25 * parted - au(17);
  const bottom = 75 + thickness + 0.85 * parted - 2.5 * au(17) * (1 - au(26));
  return `M${50 - half},${corner} Q50,${2 * top - corner} ${50 + half},${corner} Q50,${2 * bottom - corner} ${50 - half},${corner} Z`;
}

function draw(parts, au) {
  const jaw = 5 * au(26);
  const shapes = {
    head: `M50,6 C78,6 86,28 84,50 C82,${74 + jaw} 66,${95 + jaw} 50,${95 + jaw} C34,${95 + jaw} 18,${74 + jaw} 16,50 C14,28 22,6 50,6 Z`,
    browLeft: brow(-1, au), browRight: brow(1, au), eyeLeft: eye(-1, au), eyeRight: eye(1, au),
    nose: nose(au), foldLeft: fold(-1, au), foldRight: fold(1, au), mouth: mouth(au),
    chin: au(17) < 0.05 ? "" : `M44,${87 + jaw} q6,${-4 * au(17)} 12,0`,
  };
  for (const [name, path] of Object.entries(shapes)) parts[name].setAttribute("d", path);
}

function play(section, story) {
  const faces = [...section.querySelectorAll(".face")].map((place) => (
    { parts: drawing(place), bytes: unpack(story.series[place.dataset.series]) }
  ));
  const [button, slider, output] = ["button", "input", "output"].map((name) => section.querySelector(name));
  let begun = null;
  const show = (frame) => {
    slider.value = frame;
    output.textContent = `${(frame / story.rate).toFixed(1)} s`;
    for (const face of faces) draw(face.parts, reader(story.units, face.bytes, frame));
    for (const now of section.querySelectorAll(".now")) {
      const picture = now.parentElement.querySelector("svg, img");
      now.style.display = "block";
      now.style.left = `${picture.offsetLeft + (picture.clientWidth || picture.getBoundingClientRect().width) * frame / (story.frames - 1)}px`;
    }
  };
  const stop = () => { begun = null; button.textContent = "▶"; };
  const step = (time) => {
    if (begun === null) return;
    const frame = Math.floor((time - begun) / 1000 * story.rate);
    show(Math.min(frame, story.frames - 1));
    if (frame < story.frames) requestAnimationFrame(step); else stop();
  };
  button.addEventListener("click", () => {
    if (begun !== null) { stop(); return; }
    const from = Number(slider.value) >= story.frames - 1 ? 0 : Number(slider.value);
    begun = performance.now() - 1000 * from / story.rate;
    button.textContent = "⏸";
    requestAnimationFrame(step);
  });
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  show(0);
}

for (const [number, story] of Object.entries(JSON.parse(document.getElementById("faces").textContent))) {
  play(document.querySelector(`[data-story="${number}"]`), story);
}
