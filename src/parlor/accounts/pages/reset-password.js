import { repeatedWell, start, token } from "./page.js";

start({
  first: "password",
  ask: ({ password }) => repeatedWell() && { path: "password/reset", body: { token, password: password.value } },
  finish: (session) => session.user.email,
});
