import { start, token } from "./page.js";

// With a button, because programs that look at mails open the links in them.
start({ first: "send", ask: () => ({ path: "verify-email", body: { token } }), finish: (user) => user.email });
