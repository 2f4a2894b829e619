// The HTTP side of the API: JSON in and out, every failure one ApiError.

export class ApiError extends Error {
  /** `passing` says that the same request may well succeed a little later. */
  constructor({ code = "unknown", detail = "Something went wrong.", status = 0, retryAfter = null, passing = false }) {
    super(detail);
    Object.assign(this, { code, detail, status, retryAfter, passing });
  }
  /** Nobody knows whether the server did it. */
  get unanswered() { return ["connection_lost", "no_answer", "outcome_unknown"].includes(this.code); }
  get sessionLost() { return this.status === 401 || this.code === "unknown_session"; }
}

const PASSING_STATUS = new Set([429, 502, 503, 504]);
const PASSING_CODE = new Set([
  "rate_limited", "busy", "database_busy", "database_unavailable", "storage_full", "outcome_unknown", "stopping",
  "search_busy",
]);

/** An error frame of the WebSocket, which carries the same codes as HTTP. */
export function fromFrame(frame) {
  return new ApiError({
    code: frame.code, detail: frame.detail ?? frame.message, retryAfter: frame.retry_after ?? null,
    passing: PASSING_CODE.has(frame.code),
  });
}

export const lostConnection = () =>
  new ApiError({ code: "connection_lost", detail: "The connection to the server is lost.", passing: true });

// What is read is read as the person that the session is.
let session = null;
export function use(session_id) { session = session_id; }
// Not a header: a proxy in front may have the browser send one of its own there.
const mine = () => (session ? `&session_id=${session}` : "");

async function call(method, path, body) {
  let response, answer = null;
  try {
    response = await fetch(path, {
      method, cache: "no-store", signal: AbortSignal.timeout(15000),
      headers: body ? { "content-type": "application/json" } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
    const text = await response.text();
    answer = text ? JSON.parse(text) : null;
  } catch (cause) {
    if (!response) throw lostConnection();
    if (response.ok && !(cause instanceof SyntaxError)) throw lostConnection();
  }
  if (response.ok && answer) return answer;
  throw new ApiError({
    code: answer?.code, detail: answer?.detail ?? answer?.title ?? `The server answered ${response.status}.`,
    status: response.status, retryAfter: Number(response.headers.get("retry-after")) || null,
    passing: PASSING_STATUS.has(response.status) || PASSING_CODE.has(answer?.code),
  });
}

const room = encodeURIComponent;
const MOST_PAGES = 3;

export const connect = (nickname) => call("POST", "/api/connect", { nickname });
export const login = (nickname, password) => call("POST", "/api/login", { nickname, password });
export const register = (nickname, password, invite) =>
  call("POST", "/api/register", { nickname, password, ...(invite && { invite }) });
/** How one may log in here, and who the browser's cookie says one is. */
export const ways = () => call("GET", "/api/login");
export const me = () => call("GET", `/api/me?${mine().slice(1)}`);
export const disconnect = (session_id) => call("POST", "/api/disconnect", { session_id });
export const command = (session_id, command) => call("POST", "/api/command", { session_id, command });
export const message = (session_id, { room, content, nonce, thread }) =>
  call("POST", "/api/message", { session_id, room, content, nonce, thread });

const AT = ({ room: name, seq }) => `/api/messages/${room(name)}/${seq}`;
const REACTION = (of) => `${AT(of)}/reactions/${room(of.emoji)}`;
const THREAD = ({ room: name, seq }) => `/api/threads/${room(name)}/${seq}`;
const MUTE = ({ room: name }) => `/api/rooms/${room(name)}/mute`;
/** Requests of the table, by the names of their frames; what is left of the fields is the body. */
const TABLE = {
  edit: ["PATCH", AT, ({ content }) => ({ content })], delete: ["DELETE", AT],
  react: ["PUT", REACTION], unreact: ["DELETE", REACTION],
  pin: ["PUT", (of) => `${AT(of)}/pin`], unpin: ["DELETE", (of) => `${AT(of)}/pin`],
  read: ["POST", () => "/api/read", ({ marks }) => ({ marks })],
  typing: ["POST", () => "/api/typing", ({ room: name }) => ({ room: name })],
  follow_thread: ["PUT", (of) => `${THREAD(of)}/follow`], unfollow_thread: ["DELETE", (of) => `${THREAD(of)}/follow`],
  mute_thread: ["PUT", (of) => `${THREAD(of)}/mute`], unmute_thread: ["DELETE", (of) => `${THREAD(of)}/mute`],
  mute_room: ["PUT", MUTE], unmute_room: ["DELETE", MUTE],
};
export function ask(session_id, name, fields) {
  const [method, path, body = () => ({})] = TABLE[name];
  if (method !== "DELETE") return call(method, path(fields), { session_id, ...body(fields) });
  return call(method, path(fields) + (session_id ? `?session_id=${session_id}` : ""));
}
/** A list as far as it is worth drawing; `more` says that it goes on. */
async function list(path, of) {
  const items = [];
  let cursor = "";
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await call("GET", `${path}?limit=200${cursor && `&cursor=${room(cursor)}`}${mine()}`);
    items.push(...answer[of]);
    cursor = answer.next ?? "";
    if (!cursor) break;
  }
  return { [of]: items, more: cursor !== "" };
}

export const rooms = () => list("/api/rooms", "rooms");
export const users = () => list("/api/users", "users");
export const history = (name, before, limit = 50) =>
  call("GET", `/api/history/${room(name)}?limit=${limit}${before ? `&before=${before}` : ""}${mine()}`);
/** The threads of a room, those with the newest replies; and one, with its replies. */
export const threads = (name) => call("GET", `/api/threads/${room(name)}?limit=100${mine()}`);
export const thread = (name, root, before) =>
  call("GET", `/api/threads/${room(name)}/${root}?limit=50${before ? `&before=${before}` : ""}${mine()}`);
export const pins = (name, before) =>
  call("GET", `/api/pins/${room(name)}?limit=50${before ? `&before=${before}` : ""}${mine()}`);
export const mentions = (before) => call("GET", `/api/mentions?limit=50${before ? `&before=${before}` : ""}${mine()}`);
/** A page of a room's past: `before` or `after` a place, or `around` it. */
export const past = (name, side, seq) => call("GET", `/api/history/${room(name)}?limit=50&${side}=${seq}${mine()}`);
export const search = (typed, cursor, limit) =>
  call("GET", `/api/search?q=${room(typed)}&limit=${limit}${cursor ? `&cursor=${cursor}` : ""}${mine()}`);
export const streamUrl = (name, session_id, after, epoch) =>
  `/api/messages/${room(name)}?${new URLSearchParams({
    ...(session_id && { session_id }), after, history: 0, ...(epoch && { epoch }),
  })}`;
