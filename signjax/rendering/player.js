// The player of a clip: figures side by side, their tokens, time, speed and the angle of view.

const ICONS = { play: "M3 1.5v13l11-6.5z", pause: "M3 1.5h4v13H3zM9 1.5h4v13H9z" };
const TURN = 0.4;  // radians of a press of a button
const title = document.querySelector("h1").textContent;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const clamp = (x, most) => Math.max(-most, Math.min(most, x));

function shape(clip) {
  const [x0, y0, x1, y1] = clip.box;
  return Math.max(0.75, Math.min(1.3, (x1 - x0) / (y1 - y0)));
}

// Builds a panel: heading, figure, tokens, caption; `moved(dx, dy)` turns, `seek(frame)` moves all panels.
function panelOf(clip, panel, frames, texts, moved, show, seek) {
  const root = document.getElementById("panel").content.cloneNode(true).querySelector("figure");
  const find = (what) => root.querySelector(what);
  const canvas = find("canvas"), strip = find(".tokens");
  find(".name").textContent = panel.title;
  find(".name").hidden = !clip.panels.some((other) => other.title);
  find("figcaption").textContent = texts.size > 1 ? panel.caption : "";
  find("figcaption").hidden = texts.size === 1;
  canvas.style.aspectRatio = shape(clip);
  canvas.setAttribute("aria-label", ["Signing figure", panel.title, panel.caption].filter(Boolean).join(": "));
  canvas.classList.toggle("flat", panel.flat);
  let last = null;  // where the pointer was; movementX is not to be had for touch everywhere
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = [event.clientX, event.clientY];
  });
  canvas.addEventListener("pointermove", (event) => {
    canvas.pointer = [event.offsetX, event.offsetY];
    if (last && event.buttons & 1) {
      const [across, down] = [event.clientX - last[0], event.clientY - last[1]];
      const wide = Math.max(canvas.clientWidth, 1);
      last = [event.clientX, event.clientY];
      moved(across * 3 / wide, down * 3 / wide);
    } else if (page.names.length) show();
  });
  canvas.addEventListener("pointerleave", () => { canvas.pointer = null; show(); });
  canvas.addEventListener("dblclick", () => moved(0, 0, true));
  strip.hidden = find(".token").hidden = !panel.tokens;
  if (panel.tokens) {
    panel.tokens.frames = panel.frames;
    strip.style.height = `${panel.tokens.codes[0].length * ROW}px`;
    for (const kind of ["pointerdown", "pointermove"]) strip.addEventListener(kind, (event) => {
      if (kind === "pointerdown") strip.setPointerCapture(event.pointerId);
      if (event.buttons & 1) seek(Math.floor(frames * event.offsetX / Math.max(strip.clientWidth, 1)));
    });
  }
  return {
    root,
    draw(frame, view) {
      draw(canvas, clip, panel, frame, panel.flat ? { turn: 0, tilt: 0 } : view);
      if (!panel.tokens) return;
      drawTokens(strip, panel.tokens, frames, frame);
      find(".token").textContent = tokenText(panel.tokens, frame);
    },
  };
}

// Builds the player of one clip and returns what the page needs of it.
async function player(clip, number) {
  await Promise.all(clip.panels.map(unpack));
  const root = document.getElementById("clip").content.cloneNode(true).querySelector("section");
  const find = (what) => root.querySelector(what);
  const [slider, counter, speed, front, play] = ["input", ".time", "select", ".front", ".play"].map(find);
  const frames = Math.max(...clip.panels.map((panel) => panel.frames));
  const texts = new Set(clip.panels.map((panel) => panel.caption)), [text] = texts;
  const fps = page.fps || clip.fps, flat = clip.panels.every((panel) => panel.flat);
  const state = { position: 0, playing: false, turn: 0, tilt: 0, last: 0 };
  root.setAttribute("aria-label", [`Clip ${number}`, [...texts].join("; ")].filter(Boolean).join(": "));
  if (clip.panels.length > 1) root.classList.add("wide");
  const rows = Math.max(...clip.panels.map((panel) => panel.tokens ? panel.tokens.codes[0].length : 0));
  root.style.setProperty("--tokens", `${rows ? rows * ROW + 55 : 0}px`);
  root.style.setProperty("--shape", shape(clip) * clip.panels.length);
  // The title of the page has said it already.
  const told = texts.size > 1 || text === title ? "" : text;
  find(".text").textContent = told;
  root.style.setProperty("--heads", `${(told ? 34 : 0) + (clip.panels.some((panel) => panel.title) ? 26 : 0)}px`);
  find(".note").textContent = clip.note;
  slider.max = frames - 1;
  find(".bar").hidden = page.names.length > 0 && frames === 1;
  find(".left").hidden = find(".right").hidden = flat;
  const panels = clip.panels.map((panel) => panelOf(clip, panel, frames, texts, moved, show, seek));
  find(".panels").append(...panels.map((panel) => panel.root));

  function show() {
    const frame = Math.floor(state.position) % frames;
    for (const panel of panels) panel.draw(frame, state);
    slider.value = frame;
    const digits = String(frames).length;
    const seconds = ((frame + 1) / fps).toFixed(2);
    counter.textContent = `${String(frame + 1).padStart(digits, "\u2007")} / ${frames} \u00b7 ${seconds} s`;
    // Screen readers say this whenever it changes: while the clip plays it stays as it is.
    const said = state.playing ? "playing" : `frame ${frame + 1} of ${frames}`;
    if (slider.getAttribute("aria-valuetext") !== said) slider.setAttribute("aria-valuetext", said);
  }
  function moved(across, down, home = false) {
    if (flat) return;
    const angle = state.turn + across;
    state.turn = home ? 0 : angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
    state.tilt = home ? 0 : clamp(state.tilt + down, 1.3);
    // A button that is hidden loses the focus, and the keys of the player with it.
    if (home && document.activeElement === front) root.focus();
    front.hidden = state.turn === 0 && state.tilt === 0;
    show();
  }
  function setPlaying(on) {
    state.playing = on;
    state.last = 0;
    play.setAttribute("aria-label", on ? "Pause" : "Play");
    play.title = on ? "Pause" : "Play";
    play.querySelector("path").setAttribute("d", on ? ICONS.pause : ICONS.play);
    if (on) requestAnimationFrame(tick);
    else show();
  }
  function tick(now) {
    if (!state.playing || !root.isConnected) return;
    const passed = state.last ? Math.min(now - state.last, 250) / 1000 : 0;
    state.last = now;
    state.position = (state.position + passed * fps * Number(speed.value)) % frames;
    show();
    requestAnimationFrame(tick);
  }
  function seek(frame) {
    state.position = ((frame % frames) + frames) % frames;
    setPlaying(false);
  }
  const step = (by) => seek(Math.floor(state.position) + by);
  const faster = (by) => { speed.selectedIndex = clamp(speed.selectedIndex + by - 2, 2) + 2; };
  const keys = {
    " ": () => setPlaying(!state.playing),
    "ArrowLeft": () => step(-1),
    "ArrowRight": () => step(1),
    "Shift ArrowLeft": () => moved(-0.15, 0),
    "Shift ArrowRight": () => moved(0.15, 0),
    "Shift ArrowUp": () => moved(0, -0.15),
    "Shift ArrowDown": () => moved(0, 0.15),
    "-": () => faster(-1),
    "+": () => faster(1),
    "Home": () => seek(0),
    "End": () => seek(frames - 1),
  };
  root.addEventListener("keydown", (event) => {
    const name = event.target.tagName;
    if (event.ctrlKey || event.altKey || event.metaKey || name === "SELECT") return;
    if (event.key === " " && name === "BUTTON") return;
    const turns = event.shiftKey && event.key.startsWith("Arrow");
    const does = keys[turns ? `Shift ${event.key}` : event.key];
    if (!does) return;
    does();
    event.preventDefault();
  });
  play.addEventListener("click", () => setPlaying(!state.playing));
  for (const event of ["input", "pointerdown"]) slider.addEventListener(event, () => seek(Number(slider.value)));
  front.addEventListener("click", () => moved(0, 0, true));
  find(".left").addEventListener("click", () => moved(-TURN, 0));
  find(".right").addEventListener("click", () => moved(TURN, 0));
  return { root, show, seek, setPlaying, moved };
}

const clips = document.getElementById("clips");
const players = [];
let active = null;

function enrol(one) {
  players.push(one);
  for (const event of ["pointerdown", "focusin"]) one.root.addEventListener(event, () => { active = one; });
  new ResizeObserver(one.show).observe(one.root);
  one.setPlaying(false);
}

function playNow(one) {
  active = one;
  if (!still.matches) one.setPlaying(true);
}

function tell(problem) {
  document.getElementById("problem").textContent = problem;
  document.getElementById("problem").hidden = false;
}

still.addEventListener("change", () => { if (still.matches) players.forEach((one) => one.setPlaying(false)); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColors();
  players.forEach((one) => one.show());
});

async function start() {
  readColors();
  if (page.clips.length === 1) clips.classList.add("single");
  if (!window.DecompressionStream) {
    throw new Error("this browser is too old. Chrome and Edge 105, Safari 16.4, Firefox 113 and newer ones show them");
  }
  for (const [number, clip] of page.clips.entries()) {
    const one = await player(clip, number + 1);
    clips.append(one.root);
    enrol(one);
    if (!number) playNow(one);
  }
}
start().catch((error) => tell(`The clips cannot be shown: ${error.message}.`))
  .finally(() => document.querySelector("main").removeAttribute("aria-busy"));
