// What the pages behind links share. The token stands behind the #, which browsers never send, and leaves the address bar and the history at once.
export const token = location.hash.slice(1).replace(/^token=/, "");
history.replaceState(null, "", location.pathname);

const form = document.getElementById("form");
const problem = document.getElementById("problem");
const send = document.getElementById("send");

export function show(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

// Whether the form holds the same password twice.
export function repeatedWell() {
  const { password, repeated } = form.elements;
  if (password.value === repeated.value) return true;
  show("The two passwords differ.");
  repeated.focus();
  return false;
}

// Shows the form when there is a token; `ask` says what to post where, and `finish` gets the answer.
export function start({ first, ask, finish }) {
  if (!token) {
    document.getElementById("missing").hidden = false;
    return;
  }
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const request = ask(form.elements);
    if (request) await post(request, finish);
  });
  document.getElementById(first).focus();
}

async function post({ path, body }, finish) {
  show("");
  send.disabled = true;
  try {
    // Relative, so that it also works below a path that a proxy adds.
    const reply = await fetch(`api/v1/auth/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      credentials: "omit",
      body: JSON.stringify(body),
    });
    const answer = await reply.json().catch(() => ({}));
    if (reply.ok) end(finish(answer));
    else show(answer.detail ?? `The server answered ${reply.status}.`);
  } catch {
    show("The server does not answer. Is it still running?");
  } finally {
    send.disabled = false;
  }
}

function end(who) {
  form.reset();
  form.hidden = true;
  document.getElementById("who").textContent = who;
  const done = document.getElementById("done");
  done.hidden = false;
  done.focus();
}
