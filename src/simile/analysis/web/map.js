// Draws the points of the page's data, and lets them be moved, searched and told apart.
// What comes from the texts reaches the page as textContent alone.
"use strict";
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const count = data.texts.length;
const bytes = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)).buffer;
const places = new Uint16Array(bytes(data.points)); // x, y of each, little-endian, of 65,535
const labels = new Int16Array(bytes(data.labels)); // -1: an outlier
const state = new Uint8Array(count).fill(1); // 0 dimmed, 1 shown, 2 found
const canvas = $("points"), tip = $("tip"), names = $("names").getContext("2d");
const dark = matchMedia("(prefers-color-scheme: dark)");
const view = { x: 0.5, y: 0.5, scale: 1 }; // the map is 1 wide; scale 1 shows it whole
let width = 1, height = 1, ratio = 1, chosen = -2, hovered = -1, found = null, asked = false;

const color = (label) => {
  if (label < 0) return dark.matches ? [96, 104, 112] : [176, 181, 184];
  // The golden angle keeps the hues of neighbors in the list apart.
  const hue = (label * 137.508 + 210) % 360, light = (dark.matches ? 0.64 : 0.48) + (label % 3) * 0.05;
  const reach = 0.68 * Math.min(light, 1 - light);
  return [0, 8, 4].map((shift) => {
    const turn = (shift + hue / 30) % 12;
    return Math.round(255 * (light - reach * Math.max(-1, Math.min(turn - 3, 9 - turn, 1))));
  });
};
const css = (label) => `rgb(${color(label).join()})`;
const unit = () => Math.min(width, height) * 0.92 * view.scale; // pixels that the map is wide
const screenX = (row) => (places[2 * row] / 65535 - view.x) * unit() + width / 2;
const screenY = (row) => (view.y - places[2 * row + 1] / 65535) * unit() + height / 2;
const pointSize = () => Math.max(2, Math.min(12, (2.4 + 150 / Math.sqrt(count + 400)) * view.scale ** 0.3));

function webgl() {
  const gl = canvas.getContext("webgl", { antialias: false, alpha: true });
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, `
    attribute vec2 place; attribute vec3 tint; attribute float mark;
    uniform vec4 frame; uniform vec2 look; varying vec4 shade;
    void main() {
      gl_Position = vec4((place - frame.xy) * frame.zw, 0.0, 1.0);
      if (mark != look.y) gl_Position.x = 9.0;
      gl_PointSize = look.x * (mark > 1.5 ? 1.9 : 1.0);
      shade = vec4(tint, mark < 0.5 ? 0.13 : mark > 1.5 ? 1.0 : 0.8);
    }`], [gl.FRAGMENT_SHADER, `
    precision mediump float; varying vec4 shade;
    void main() {
      float far = length(gl_PointCoord - 0.5);
      float alpha = shade.a * (1.0 - smoothstep(0.38, 0.5, far));
      if (alpha < 0.01) discard;
      gl_FragColor = vec4(shade.rgb * alpha, alpha);
    }`]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const attribute = (name, size, type, scaled) => {
    const buffer = gl.createBuffer(), where = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(where);
    gl.vertexAttribPointer(where, size, type, scaled, 0, 0);
    return (values) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    };
  };
  attribute("place", 2, gl.UNSIGNED_SHORT, true)(places);
  const tints = attribute("tint", 3, gl.UNSIGNED_BYTE, true), marks = attribute("mark", 1, gl.UNSIGNED_BYTE, false);
  const frame = gl.getUniformLocation(program, "frame"), look = gl.getUniformLocation(program, "look");
  return {
    name: "webgl",
    tint() {
      const values = new Uint8Array(3 * count), known = new Map();
      for (let row = 0; row < count; row++) {
        if (!known.has(labels[row])) known.set(labels[row], color(labels[row]));
        values.set(known.get(labels[row]), 3 * row);
      }
      tints(values);
    },
    mark() { marks(state); },
    draw() {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform4f(frame, view.x, view.y, 2 * unit() / width, 2 * unit() / height);
      // What is found lies above the rest; without anything found one call draws everything.
      for (const mark of [0, 1, 2].filter((one) => present[one])) {
        gl.uniform2f(look, pointSize() * ratio, mark);
        gl.drawArrays(gl.POINTS, 0, count);
      }
    },
  };
}

function plain() {
  const pen = canvas.getContext("2d");
  return {
    name: "canvas",
    tint() {}, mark() {},
    draw() {
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      const tints = new Map();
      for (const mark of [0, 1, 2].filter((one) => present[one])) {
        const size = pointSize() * (mark > 1 ? 1.9 : 1);
        pen.globalAlpha = [0.13, 0.8, 1][mark];
        for (let row = 0; row < count; row++) {
          if (state[row] !== mark) continue;
          const x = screenX(row), y = screenY(row);
          if (x < 0 || y < 0 || x > width || y > height) continue;
          if (!tints.has(labels[row])) tints.set(labels[row], css(labels[row]));
          pen.fillStyle = tints.get(labels[row]);
          pen.fillRect(x - size / 2, y - size / 2, size, size);
        }
      }
    },
  };
}

// A grid of rows, so that the one under the pointer is found without looking at all.
const SIDE = Math.max(1, Math.min(256, Math.round(Math.sqrt(count / 4))));
const cellOf = (row) => Math.min(SIDE - 1, places[2 * row] * SIDE >> 16) + SIDE * Math.min(SIDE - 1, places[2 * row + 1] * SIDE >> 16);
const starts = new Uint32Array(SIDE * SIDE + 1), gridRows = new Uint32Array(count);
for (let row = 0; row < count; row++) starts[cellOf(row) + 1]++;
for (let cell = 0; cell < SIDE * SIDE; cell++) starts[cell + 1] += starts[cell];
const filled = starts.slice();
for (let row = 0; row < count; row++) gridRows[filled[cellOf(row)]++] = row;

function rowAt(x, y) {
  const reach = Math.max(7, pointSize()), px = (x - width / 2) / unit() + view.x, py = view.y - (y - height / 2) / unit();
  const span = reach / unit(), cell = (value) => Math.max(0, Math.min(SIDE - 1, Math.floor(value * SIDE)));
  let best = -1, least = reach * reach;
  for (let j = cell(py - span); j <= cell(py + span); j++) {
    for (let i = cell(px - span); i <= cell(px + span); i++) {
      for (let at = starts[j * SIDE + i]; at < starts[j * SIDE + i + 1]; at++) {
        const row = gridRows[at], far = (screenX(row) - x) ** 2 + (screenY(row) - y) ** 2;
        if (state[row] && far < least) { best = row; least = far; }
      }
    }
  }
  return best;
}

const present = [false, true, false];
function restate() {
  present.fill(false);
  for (let row = 0; row < count; row++) {
    const here = chosen === -2 || labels[row] === chosen;
    state[row] = !here ? 0 : found === null ? 1 : found[row] ? 2 : 0;
    present[state[row]] = true;
  }
  painter.mark();
  hover(-1);
  redraw();
}

function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    painter.draw();
    drawNames();
    document.body.dataset.drawn = String(count);
  });
}

function drawNames() {
  names.setTransform(ratio, 0, 0, ratio, 0, 0);
  names.clearRect(0, 0, width, height);
  names.font = "600 12px system-ui, 'DejaVu Sans', sans-serif";
  names.textAlign = "center";
  names.lineJoin = "round";
  names.lineWidth = 4;
  const style = getComputedStyle(document.documentElement), taken = [];
  for (const cluster of data.clusters) {
    if (chosen !== -2 && chosen !== cluster.label) continue;
    const x = (cluster.x - view.x) * unit() + width / 2, y = (view.y - cluster.y) * unit() + height / 2;
    const text = cluster.words.slice(0, 2).join(", "), half = names.measureText(text).width / 2 + 6;
    if (!text || x < 0 || y < 12 || x > width || y > height) continue;
    // A name that would lie on a larger cluster's waits until there is room.
    if (taken.some((box) => Math.abs(box.x - x) < box.half + half && Math.abs(box.y - y) < 18)) continue;
    taken.push({ x, y, half });
    names.strokeStyle = style.getPropertyValue("--ground");
    names.fillStyle = style.getPropertyValue("--ink");
    names.strokeText(text, x, y);
    names.fillText(text, x, y);
  }
  if (hovered >= 0) {
    names.beginPath();
    names.arc(screenX(hovered), screenY(hovered), pointSize() + 3, 0, 7);
    names.lineWidth = 2;
    names.strokeStyle = style.getPropertyValue("--ink");
    names.stroke();
  }
}

const nameOf = (label) => label < 0 ? "outlier" : data.clusters[label].words.join(", ") || `cluster ${label}`;
function hover(row) {
  if (row === hovered) return;
  hovered = row;
  tip.hidden = row < 0;
  if (row >= 0) {
    $("tip-cluster").textContent = nameOf(labels[row]);
    $("tip-text").textContent = data.texts[row];
    $("tip-id").textContent = data.ids ? data.ids[row] : "";
    const x = screenX(row), y = screenY(row), box = tip.getBoundingClientRect();
    const left = x + 14 + box.width > width ? x - 14 - box.width : x + 14;
    const top = Math.max(6, Math.min(height - box.height - 6, y + 10));
    tip.style.transform = `translate(${Math.max(6, left)}px, ${top}px)`;
  }
  redraw();
}

function zoom(factor, x = width / 2, y = height / 2) {
  const before = unit(), dx = x - width / 2, dy = y - height / 2;
  view.scale = Math.max(0.5, Math.min(400, view.scale * factor));
  view.x += dx / before - dx / unit();
  view.y -= dy / before - dy / unit();
  hover(-1);
  redraw();
}
function move(dx, dy) {
  view.x -= dx / unit();
  view.y += dy / unit();
  hover(-1);
  redraw();
}
function whole() {
  Object.assign(view, { x: 0.5, y: 0.5, scale: 1 });
  hover(-1);
  redraw();
}
function goTo(row) {
  Object.assign(view, { x: places[2 * row] / 65535, y: places[2 * row + 1] / 65535, scale: Math.max(view.scale, 4) });
  hover(-1);
  hover(row);
}

const pointers = new Map();
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
  canvas.classList.add("moving");
});
canvas.addEventListener("pointermove", (event) => {
  const last = pointers.get(event.pointerId), x = event.offsetX, y = event.offsetY;
  if (!last) return hover(rowAt(x, y));
  const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
  if (other) {
    const far = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]) || 1;
    zoom(far([x, y]) / far(last), (x + other[0]) / 2, (y + other[1]) / 2);
  } else move(x - last[0], y - last[1]);
  pointers.set(event.pointerId, [x, y]);
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => {
  pointers.delete(event.pointerId);
  if (!pointers.size) canvas.classList.remove("moving");
});
canvas.addEventListener("pointerleave", () => hover(-1));
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const pixels = event.deltaY * (event.deltaMode ? 30 : 1);
  zoom(Math.exp(-Math.max(-300, Math.min(300, pixels)) / 400), event.offsetX, event.offsetY);
}, { passive: false });
const KEYS = {
  ArrowLeft: () => move(60, 0), ArrowRight: () => move(-60, 0), ArrowUp: () => move(0, 60),
  ArrowDown: () => move(0, -60), "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: whole,
};
canvas.addEventListener("keydown", (event) => {
  if (!KEYS[event.key] || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  KEYS[event.key]();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target === $("search")) return;
  event.preventDefault();
  $("search").focus();
});
$("in").addEventListener("click", () => zoom(1.6));
$("out").addEventListener("click", () => zoom(1 / 1.6));
$("whole").addEventListener("click", whole);

const lower = data.texts.map((text) => text.toLowerCase());
let waiting = 0;
function search() {
  const wanted = $("search").value.trim().toLowerCase(), rows = [];
  found = null;
  if (wanted) {
    found = new Uint8Array(count);
    for (let row = 0; row < count; row++) if (lower[row].includes(wanted)) { found[row] = 1; rows.push(row); }
  }
  $("found").textContent = wanted ? `${rows.length.toLocaleString("en")} of ${count.toLocaleString("en")} texts` : "";
  $("results").replaceChildren(...rows.slice(0, 50).map((row) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = data.texts[row];
    button.addEventListener("click", () => goTo(row));
    item.append(button);
    return item;
  }));
  restate();
}
$("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 80); });
$("search").addEventListener("keydown", (event) => { if (event.key === "Escape") { $("search").value = ""; search(); } });

function legend() {
  const entries = data.clusters.map(({ label, size }) => [label, size]);
  if (data.outliers) entries.push([-1, data.outliers]);
  $("legend").replaceChildren(...entries.map(([label, size]) => {
    const button = document.createElement("button"), parts = ["i", "span", "b"].map((tag) => document.createElement(tag));
    button.type = "button";
    button.setAttribute("aria-pressed", String(chosen === label));
    parts[0].style.background = css(label);
    parts[1].textContent = label < 0 ? "outliers" : nameOf(label);
    parts[2].textContent = size.toLocaleString("en");
    button.title = parts[1].textContent;
    button.append(...parts);
    button.addEventListener("click", () => {
      chosen = chosen === label ? -2 : label;
      $("legend").classList.toggle("chosen", chosen !== -2);
      [...$("legend").children].forEach((one) => one.setAttribute("aria-pressed", String(one === button && chosen !== -2)));
      restate();
    });
    return button;
  }));
}

function resize() {
  ratio = Math.min(2, devicePixelRatio || 1);
  width = canvas.clientWidth;
  height = canvas.clientHeight;
  for (const one of [canvas, $("names")]) { one.width = width * ratio; one.height = height * ratio; }
  redraw();
}
const painter = webgl() || plain();
canvas.addEventListener("webglcontextlost", () => location.reload());
dark.addEventListener("change", () => { painter.tint(); legend(); redraw(); });
document.title = data.title;
$("title").textContent = data.title;
$("summary").textContent = data.summary;
$("method").textContent = data.method;
document.body.dataset.painter = painter.name;
painter.tint();
legend();
restate();
new ResizeObserver(resize).observe(canvas);
