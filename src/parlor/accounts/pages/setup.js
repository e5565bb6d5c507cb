import { repeatedWell, start, token } from "./page.js";

start({
  first: "email",
  ask: ({ email, password }) => repeatedWell() && { path: "setup", body: { token, email: email.value.trim(), password: password.value } },
  finish: (session) => session.user.email,
});
