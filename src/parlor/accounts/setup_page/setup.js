"use strict";

// The token stands behind the #, which browsers never send, and leaves the address bar and the history at once.
const token = location.hash.slice(1).replace(/^token=/, "");
history.replaceState(null, "", location.pathname);

const form = document.getElementById("form");
const problem = document.getElementById("problem");
const send = document.getElementById("send");

function show(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

async function submit(event) {
  event.preventDefault();
  const { email, password, repeated } = form.elements;
  if (password.value !== repeated.value) {
    show("The two passwords differ.");
    repeated.focus();
    return;
  }
  show("");
  send.disabled = true;
  try {
    const reply = await fetch("/api/v1/auth/setup", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      credentials: "omit",
      body: JSON.stringify({ token, email: email.value.trim(), password: password.value }),
    });
    const body = await reply.json().catch(() => ({}));
    if (!reply.ok) {
      show(body.detail ?? `The server answered ${reply.status}.`);
      return;
    }
    finish(body.user.email);
  } catch {
    show("The server does not answer. Is it still running?");
  } finally {
    send.disabled = false;
  }
}

function finish(email) {
  form.reset();
  form.hidden = true;
  document.getElementById("who").textContent = email;
  const done = document.getElementById("done");
  done.hidden = false;
  done.focus();
}

if (token) {
  form.hidden = false;
  form.addEventListener("submit", submit);
  form.elements.email.focus();
} else {
  document.getElementById("missing").hidden = false;
}
