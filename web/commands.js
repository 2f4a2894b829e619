// Slash commands. Most are the server's; those that move the screen are also understood here.
import { isRoom } from "./text.js";

/** What is done in a room, and by the server in the one joined last. */
const IN_ROOM = [
  "/edit", "/delete", "/react", "/unreact", "/pin", "/unpin", "/pins", "/reply", "/thread", "/threads", "/read",
  "/invite", "/kick", "/ban", "/unban", "/mute", "/unmute", "/role", "/topic", "/slow",
];

/** Does what was typed: a command, or a message (`//x` is the message `/x`). */
export async function run(chat, text, signOut) {
  if (text.startsWith("//")) return chat.say(text.slice(1));
  if (!text.startsWith("/")) return chat.say(text);
  try {
    await command(chat, text.trim(), signOut);
  } catch (error) {
    chat.note(error.detail ?? String(error), "problem");
  }
}

async function command(chat, line, signOut) {
  const [verb, ...words] = line.split(/\s+/);
  const current = chat.rooms.current;
  switch (verb) {
    case "/quit": return signOut();
    case "/join": case "/create": {
      const [name, kind, more] = words;
      const fits = isRoom(name ?? "") && !more && (!kind || (verb === "/create" && kind === "--private"));
      if (!fits) break; // the server says what is wrong
      const said = await (verb === "/join" ? chat.join(name) : chat.create(name, kind));
      return said && chat.note(said, "reply");
    }
    case "/leave": {
      // The server would leave the room joined last; whoever types here means the room on the screen.
      const room = words[0] ? chat.rooms.get(words[0]) : current;
      if (room?.joined) return chat.leave(room);
      break;
    }
    case "/search": {
      if (words.length === 0 || words[0].startsWith("next:")) break;
      return chat.dispatchEvent(new CustomEvent("search", { detail: line.slice(verb.length).trim() }));
    }
    case "/history": {
      if (!current) break;
      const added = await chat.older(current, Math.min(200, Math.max(1, Number(words[0]) || 50)));
      return chat.note(added ? `Loaded ${added} older messages; scroll up to read them.` : "There are no older messages.", "reply");
    }
  }
  if (IN_ROOM.includes(verb)) {
    // The command is about the room on the screen.
    if (!current?.joined) return chat.note("Join the room first.", "problem");
    await chat.link.command(`/join ${current.name}`);
  }
  const { message, data } = await chat.link.command(line);
  if (verb === "/nick" && words[0]) chat.nickname = data?.nickname ?? words[0];
  if (message) chat.note(message, "reply");
  chat.dispatchEvent(new CustomEvent("look-again"));
}
