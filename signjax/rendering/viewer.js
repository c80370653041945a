// Asks the server that the page came from for clips of a text; the newest stands first.

const ask = document.getElementById("ask");
const KEPT = 12;  // clips on the page

// A cookie has the token from here on: it must not stay in the address bar, in bookmarks and in the history.
if (location.search) history.replaceState(null, "", location.pathname);

async function signed(request) {
  const answer = await fetch("sign", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request),
  }).catch(() => { throw new Error("the server does not answer; is it still running?"); });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found.clip;
}

async function add(clip) {
  const one = await player(clip, players.length + 1);
  main.prepend(one.root);
  if (active) active.setPlaying(false);
  enrol(one);
  playNow(one);
  while (players.length > KEPT) players.shift().root.remove();
}

ask.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { text, num, seed } = ask.elements, status = ask.querySelector("output");
  const button = ask.querySelector("button");
  button.disabled = true;
  status.textContent = "signing\u2026 (a new length of text is compiled first)";
  try {
    await add(await signed({ text: text.value, num: Number(num.value), seed: seed.value }));
    status.textContent = "";
    seed.value = BigInt(seed.value) + 1n;  // the same text again is another version
  } catch (error) {
    status.textContent = error.message;
  }
  button.disabled = false;
});
