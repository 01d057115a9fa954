"use strict";

// The page of `vptq serve`: conversations in this browser, answers streamed from /v1/chat/completions.
// Text of a model or a user only ever becomes text nodes; no markup is parsed from it.

// ---- Elements ---------------------------------------------------------------------------------------------------

const byId = (id) => document.getElementById(id);

/// Makes an element; attributes named on… are listeners, those that are null or false are left out.
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function makeButton(text, className, action) {
  return make("button", { type: "button", class: className, onclick: action }, text);
}

function makeCopyButton(text) {
  const button = makeButton("Copy", "plain copy", async () => {
    button.textContent = (await copyText(text())) ? "Copied" : "Not copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return button;
}

/// The clipboard interface exists only on https and localhost; elsewhere a hidden field and `copy` serve.
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const before = document.activeElement;
    const field = make("textarea", { class: "unseen", "aria-hidden": "true" });
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    before?.focus();
    return done;
  }
}

// ---- Markdown: blocks -------------------------------------------------------------------------------------------

const FENCE = /^ {0,3}(`{3,}|~{3,})[ \t]*([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])([ \t]+|$)/;
const DEEPEST = 8; // nesting of lists and quotes; what lies deeper is shown as paragraphs

const isBlank = (line) => line.trim() === "";

function tableCells(line) {
  return line.trim().replace(/^\|/, "").replace(/\|$/, "").split("|").map((cell) => cell.trim());
}

function isTableAt(lines, at) {
  if (at + 1 >= lines.length || !lines[at].includes("|") || !lines[at + 1].includes("-")) return false;
  const rule = tableCells(lines[at + 1]);
  return rule.every((cell) => /^:?-+:?$/.test(cell)) && rule.length === tableCells(lines[at]).length;
}

function startsBlock(line) {
  if (ITEM.test(line)) return !isBlank(line.replace(ITEM, "")); // a lone "-" in a paragraph is text
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line);
}

/// Cuts lines into blocks {kind, start, end, …}; a block never depends on what comes before it.
function parseBlocks(lines) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (isBlank(lines[at])) { at += 1; continue; }
    const block = blockAt(lines, at);
    blocks.push(block);
    at = block.end;
  }
  return blocks;
}

function blockAt(lines, start) {
  const line = lines[start];
  if (FENCE.test(line)) return codeAt(lines, start);
  const heading = HEADING.exec(line);
  if (heading) {
    const text = heading[2].replace(/\s#+\s*$/, "");
    return { kind: "heading", start, end: start + 1, level: heading[1].length, text };
  }
  if (RULE.test(line)) return { kind: "rule", start, end: start + 1 };
  if (QUOTE.test(line)) return quoteAt(lines, start);
  if (ITEM.test(line)) return listAt(lines, start);
  if (isTableAt(lines, start)) return tableAt(lines, start);
  return paragraphAt(lines, start);
}

function codeAt(lines, start) {
  const [, fence, language] = FENCE.exec(lines[start]);
  const indent = lines[start].search(/\S/);
  const text = [];
  let end = start + 1;
  for (; end < lines.length; end += 1) {
    const bare = lines[end].trim();
    if (bare.length >= fence.length && bare === fence[0].repeat(bare.length)) { end += 1; break; }
    text.push(indent > 0 ? withoutIndent(lines[end], indent) : lines[end]);
  }
  return { kind: "code", start, end, language: language.trim().split(/\s/)[0], text: text.join("\n") };
}

function quoteAt(lines, start) {
  let end = start;
  const inner = [];
  while (end < lines.length && QUOTE.test(lines[end])) inner.push(lines[end++].replace(QUOTE, ""));
  return { kind: "quote", start, end, lines: inner };
}

function withoutIndent(line, count) {
  let at = 0;
  while (at < count && line[at] === " ") at += 1;
  return line.slice(at);
}

/// A list takes lines that begin an item of its own kind, are indented, or go on with a paragraph.
function listAt(lines, start) {
  const kindOf = (marker) => marker.slice(-1);
  const first = ITEM.exec(lines[start])[2];
  const items = [];
  let indent = 0;
  let end = start;
  let wasBlank = false;
  for (; end < lines.length; end += 1) {
    const line = lines[end];
    const match = RULE.test(line) ? null : ITEM.exec(line);
    if (isBlank(line)) {
      items.at(-1).push("");
      wasBlank = true;
      continue;
    }
    // A marker left of where the items' text starts begins the next item; one further right is a list inside.
    if (match && (end === start || match[1].length < indent && kindOf(match[2]) === kindOf(first))) {
      indent = match[0].length - Math.max(0, match[3].length - 1);
      items.push([line.slice(match[0].length)]);
    } else if (line.search(/\S/) >= Math.min(indent, 2)) {
      items.at(-1).push(withoutIndent(line.replace(/^\t/, "    "), indent));
    } else if (!wasBlank && !match && !startsBlock(line)) {
      items.at(-1).push(line);
    } else break;
    wasBlank = false;
  }
  const number = /\d/.test(first) ? parseInt(first, 10) : null;
  return { kind: "list", start, end, number, items };
}

function tableAt(lines, start) {
  let end = start + 2;
  const rows = [];
  while (end < lines.length && lines[end].includes("|")) rows.push(tableCells(lines[end++]));
  const sides = tableCells(lines[start + 1]).map((rule) => {
    if (!rule.endsWith(":")) return null;
    return rule.startsWith(":") ? "middle" : "right";
  });
  return { kind: "table", start, end, head: tableCells(lines[start]), sides, rows };
}

function paragraphAt(lines, start) {
  let end = start + 1;
  while (end < lines.length && !isBlank(lines[end]) && !startsBlock(lines[end]) && !isTableAt(lines, end)) end += 1;
  return { kind: "paragraph", start, end, text: lines.slice(start, end).map((line) => line.trimStart()).join("\n") };
}

function renderBlock(block, depth = 0) {
  switch (block.kind) {
    case "code": return renderCode(block);
    case "rule": return make("hr");
    case "heading": return withInline(make("h" + Math.min(6, block.level + 2)), block.text);
    case "quote": return renderInside(make("blockquote"), block.lines, depth + 1);
    case "list": return renderList(block, depth);
    case "table": return renderTable(block);
    default: return withInline(make("p"), block.text);
  }
}

function renderInside(node, lines, depth) {
  if (depth > DEEPEST) return withInline(node, lines.join("\n"));
  node.append(...parseBlocks(lines).map((block) => renderBlock(block, depth)));
  return node;
}

function renderList(block, depth) {
  const list = block.number === null ? make("ul") : make("ol", { start: block.number });
  list.append(...block.items.map((lines) => renderInside(make("li"), lines, depth + 1)));
  return list;
}

function renderTable(block) {
  const cell = (tag, text, column) => withInline(make(tag, { class: block.sides[column] }), text ?? "");
  const row = (cells, tag) => make("tr", {}, ...block.head.map((_, column) => cell(tag, cells[column], column)));
  const body = block.rows.map((cells) => row(cells, "td"));
  return make("div", { class: "table", tabindex: 0, role: "region", "aria-label": "Table" },
    make("table", {}, make("thead", {}, row(block.head, "th")), make("tbody", {}, ...body)));
}

function renderCode(block) {
  const code = make("code", {}, document.createTextNode(block.text));
  return make("div", { class: "code" },
    make("div", { class: "code-head" },
      make("span", {}, block.language || "text"), makeCopyButton(() => code.textContent)),
    make("pre", { tabindex: 0, role: "region", "aria-label": "Code" }, code));
}

/// Renders a whole text. The page's test calls this one directly.
function renderMarkdown(text) {
  return renderInside(document.createDocumentFragment(), splitLines(text), 0);
}

const splitLines = (text) => text.replace(/\r\n?/g, "\n").split("\n");

// ---- Markdown: inside a line ------------------------------------------------------------------------------------

const STYLES = { "**": "strong", "__": "strong", "~~": "del", "*": "em", "_": "em" };
const PUNCTUATION = /[!-/:-@[-`{-~]/;
const LINK = /\[([^[\]\n]{1,1000})\]\(([^()\s]{1,2000}(?:\([^()\s]{0,500}\)[^()\s]{0,500})?)(?: "[^"\n]{0,500}")?\)/y;
const ADDRESS = /https?:\/\/[^\s<>"'`]{1,2000}/y;
const isWord = (character) => character !== undefined && /[\p{L}\p{N}_]/u.test(character);

function withInline(node, text, depth = 0) {
  appendInline(node, text, depth);
  return node;
}

/// Walks the text once. `unclosed` holds marks known to have no end further on, so that none is sought in vain twice.
function appendInline(node, text, depth) {
  const unclosed = new Set();
  let plain = "";
  const flush = () => {
    if (plain) node.append(plain);
    plain = "";
  };
  let at = 0;
  while (at < text.length) {
    if (text[at] === "\\" && PUNCTUATION.test(text[at + 1] ?? "")) {
      plain += text[at + 1];
      at += 2;
      continue;
    }
    const piece = depth > DEEPEST ? null : pieceAt(text, at, depth, unclosed);
    if (piece) {
      flush();
      node.append(piece.node);
      at = piece.end;
    } else {
      const count = runLength(text, at);
      plain += text.slice(at, at + count);
      at += count;
    }
  }
  flush();
}

/// How many characters to take as they are: a whole run of one mark, else one.
function runLength(text, at) {
  if (!"`*_~".includes(text[at])) return 1;
  let end = at + 1;
  while (text[end] === text[at]) end += 1;
  return end - at;
}

function pieceAt(text, at, depth, unclosed) {
  switch (text[at]) {
    case "`": return codeSpanAt(text, at, unclosed);
    case "*": case "_": case "~": return styledAt(text, at, depth, unclosed);
    case "[": return linkAt(text, at, depth);
    case "h": return isWord(text[at - 1]) ? null : addressAt(text, at);
    case "\n": return /^ {2}$/.test(text.slice(at - 2, at)) ? { node: make("br"), end: at + 1 } : null;
    default: return null;
  }
}

function codeSpanAt(text, at, unclosed) {
  const mark = "`".repeat(runLength(text, at));
  if (unclosed.has(mark)) return null;
  let close = at + mark.length;
  while ((close = text.indexOf(mark, close)) >= 0) {
    const length = runLength(text, close);
    if (length === mark.length) break;
    close += length;
  }
  if (close < 0) {
    unclosed.add(mark);
    return null;
  }
  let inner = text.slice(at + mark.length, close);
  if (inner.startsWith(" ") && inner.endsWith(" ") && !isBlank(inner)) inner = inner.slice(1, -1);
  return { node: make("code", {}, inner), end: close + mark.length };
}

function styledAt(text, at, depth, unclosed) {
  const length = runLength(text, at);
  const mark = text[at].repeat(Math.min(length, 2));
  const style = STYLES[mark];
  const inside = at + mark.length;
  if (!style || length > 3 || unclosed.has(mark) || /\s/.test(text[at + length] ?? " ")) return null;
  if (mark[0] === "_" && isWord(text[at - 1])) return null;
  const close = closeOf(text, mark, at + length);
  if (close < 0) {
    unclosed.add(mark);
    return null;
  }
  return { node: withInline(make(style), text.slice(inside, close), depth + 1), end: close + mark.length };
}

/// The place of the mark that ends a styled piece: a run as long as the mark (or of three, whose end it takes).
function closeOf(text, mark, from) {
  let close = from;
  while ((close = text.indexOf(mark, close)) >= 0) {
    const length = runLength(text, close);
    const fits = length === mark.length || length === 3;
    const follows = mark[0] !== "_" || !isWord(text[close + length]);
    if (fits && follows && !/\s/.test(text[close - 1])) return close + length - mark.length;
    close += length;
  }
  return -1;
}

function linkAt(text, at, depth) {
  LINK.lastIndex = at;
  const match = LINK.exec(text);
  const link = match && makeLink(match[2]);
  return link ? { node: withInline(link, match[1], DEEPEST), end: at + match[0].length } : null;
}

function addressAt(text, at) {
  ADDRESS.lastIndex = at;
  const match = ADDRESS.exec(text);
  if (!match) return null;
  const address = match[0].replace(/[.,;:!?*_~)\]}]+$/, "");
  const link = makeLink(address);
  if (!link) return null;
  link.textContent = address;
  return { node: link, end: at + address.length };
}

/// Only http and https become links; anything else stays text.
function makeLink(address) {
  let url;
  try { url = new URL(address); } catch { return null; }
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  return make("a", { href: url.href, rel: "noopener noreferrer", target: "_blank" });
}

// ---- Markdown that grows ----------------------------------------------------------------------------------------

/// Shows a text that grows at its end: finished blocks stay, only the last is rendered again.
class GrowingMarkdown {
  constructor(node) {
    this.node = node;
    this.settled = 0; // characters whose blocks are final
    this.tail = [];   // nodes that are not
    this.openCode = null;
  }

  update(text) {
    const lines = text.slice(this.settled).split("\n");
    const blocks = parseBlocks(lines.map((line) => line.replace(/\r$/, "")));
    if (blocks.length === 0 || this.extendCode(blocks)) return;
    for (const node of this.tail) node.remove();
    // Blocks that begin in the last two lines may yet change, and so may join the block before them.
    let first = blocks.length - 1;
    while (first > 0 && blocks[first].start >= lines.length - 2) first -= 1;
    this.tail = blocks.slice(first).map((block) => renderBlock(block));
    this.node.append(...blocks.slice(0, first).map((block) => renderBlock(block)), ...this.tail);
    const { kind, start } = blocks[first];
    for (const line of lines.slice(0, start)) this.settled += line.length + 1;
    // Its first line, which names the language, must be whole.
    const isOpen = this.tail.length === 1 && kind === "code" && start < lines.length - 1;
    this.openCode = isOpen ? this.tail[0].querySelector("pre code") : null;
  }

  /// While one code block is all of the tail, its text is replaced in place.
  extendCode(blocks) {
    if (!this.openCode || blocks.length !== 1) return false;
    this.openCode.firstChild.data = blocks[0].text;
    return true;
  }
}

// ---- Storage ----------------------------------------------------------------------------------------------------

const PREFIX = "vptq.chat.";
let storageFailed = false;

function store(key, value) {
  try {
    localStorage.setItem(key, value);
    if (storageFailed) showNotice("");
    storageFailed = false;
  } catch {
    storageFailed = true;
    showNotice("This browser keeps no more conversations: its storage is full or turned off. Export what you need.");
  }
}

function stored(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

function unstore(key) {
  try { localStorage.removeItem(key); } catch { /* nothing is stored then */ }
}

function readChat(key) {
  try {
    const chat = JSON.parse(stored(key));
    return typeof chat?.id === "string" && Array.isArray(chat.messages) ? chat : null;
  } catch {
    return null;
  }
}

function readChats() {
  let keys = [];
  try { keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)); } catch { /* storage is off */ }
  return new Map(keys.map(readChat).filter(Boolean).map((chat) => [chat.id, chat]));
}

/// A conversation with nothing in it is not kept.
function saveChat(chat) {
  if (chats.get(chat.id) !== chat || chat.messages.length === 0) return;
  store(PREFIX + chat.id, JSON.stringify(chat));
}

// ---- State ------------------------------------------------------------------------------------------------------

const chats = readChats();
const runs = new Map();     // conversation id -> the answer being written there
const articles = new WeakMap(); // message -> its element
let models = [];
let chat = null;            // the conversation shown
let following = true;       // whether the log keeps to its end
let settings = readSettings();

function readSettings() {
  try { return JSON.parse(stored("vptq.settings")) ?? {}; } catch { return {}; }
}

function saveSettings() {
  store("vptq.settings", JSON.stringify(settings));
}

function newId() {
  return Date.now().toString(36) + "-" + Math.random().toString(36).slice(2, 10);
}

// ---- List of conversations --------------------------------------------------------------------------------------

const newestFirst = () => [...chats.values()].sort((a, b) => b.updated - a.updated);

function newChat() {
  const unused = newestFirst().find((each) => each.messages.length === 0);
  const now = Date.now();
  const system = chat?.system ?? "";
  const fresh = unused ?? { id: newId(), title: "", created: now, updated: now, system, messages: [] };
  fresh.updated = now;
  chats.set(fresh.id, fresh);
  openChat(fresh);
}

function openChat(next) {
  if (next.id !== chat?.id) following = true;
  chat = next;
  store("vptq.current", chat.id);
  byId("system").value = chat.system ?? "";
  showChats();
  showLog(true);
  showComposer();
}

function titleOf(each) {
  return each.title || "New conversation";
}

function showChats() {
  byId("chats").replaceChildren(...newestFirst().map(makeChatRow));
  byId("chat-title").textContent = titleOf(chat);
  document.title = chat.title ? chat.title + " – vptq" : "vptq";
}

function makeChatRow(each) {
  const current = each === chat;
  const open = makeButton(titleOf(each), "chat-open", () => {
    openChat(each);
    closeSidebar();
    if (!isNarrow()) byId("chats").querySelector("[aria-current]")?.focus();
  });
  if (!current) return make("li", {}, open);
  open.setAttribute("aria-current", "true");
  const row = make("li", {}, open);
  row.append(make("div", { class: "chat-actions" },
    makeButton("Rename", "plain rename", () => editTitle(row, each)),
    makeButton("Export", "plain export", () => exportChats([each], titleOf(each))),
    makeButton("Delete", "plain delete", () => deleteChat(each))));
  return row;
}

function editTitle(row, each) {
  const field = make("input", { "aria-label": "Name of the conversation", maxlength: 200 });
  field.value = each.title;
  let open = true;
  const close = (keep, refocus) => {
    if (!open) return;
    open = false;
    if (keep && field.value.trim()) {
      each.title = field.value.trim();
      saveChat(each);
    }
    showChats();
    if (refocus) byId("chats").querySelector(".rename")?.focus();
  };
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault(); // else the key would press the button that gets the focus
      close(true, true);
    }
    if (event.key === "Escape") {
      event.stopPropagation();
      close(false, true);
    }
  });
  field.addEventListener("blur", () => close(true, false));
  row.replaceChildren(field);
  field.select();
}

function deleteChat(each) {
  if (each.messages.length > 0 && !confirm(`Delete “${titleOf(each)}”?`)) return;
  runs.get(each.id)?.controller.abort();
  chats.delete(each.id);
  unstore(PREFIX + each.id);
  const next = newestFirst()[0];
  if (next) openChat(next);
  else newChat();
  byId("new-chat").focus();
}

function exportChats(list, name) {
  const text = JSON.stringify({ format: "vptq-conversations", version: 1, conversations: list }, null, 2);
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const file = name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) || "conversation";
  make("a", { href: address, download: file + ".json" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// ---- Log --------------------------------------------------------------------------------------------------------

/// Makes the log show the conversation's messages; elements of messages already shown stay as they are.
function showLog(quietly = false) {
  const log = byId("log");
  const place = log.scrollTop;
  if (quietly) hushLog(log);
  const wanted = chat.messages.map((message) => articles.get(message) ?? makeArticle(chat, message));
  const keep = new Set(wanted);
  for (const node of [...log.children]) if (!keep.has(node)) node.remove();
  for (const node of wanted) if (node.parentNode !== log) log.append(node);
  if (wanted.length === 0) log.append(make("p", { class: "empty" }, "Ask something to begin."));
  log.classList.toggle("busy", runs.has(chat.id));
  if (!following) log.scrollTop = place;
  toEnd();
}

/// Keeps a screen reader from reading a whole conversation aloud when it is opened.
function hushLog(log) {
  log.setAttribute("aria-live", "off");
  setTimeout(() => log.setAttribute("aria-live", "polite"), 500);
}

function toEnd() {
  const log = byId("log");
  if (following) log.scrollTop = log.scrollHeight;
  byId("to-end").hidden = following;
}

/// A reader who scrolls up stays there until they come back to the end.
function watchScrolling() {
  const log = byId("log");
  let last = 0;
  log.addEventListener("scroll", () => {
    const left = log.scrollHeight - log.scrollTop - log.clientHeight;
    if (left < 8) following = true;
    else if (log.scrollTop < last) following = false;
    last = log.scrollTop;
    byId("to-end").hidden = following;
  }, { passive: true });
  // Before the scroll itself happens, so that text that arrives in between does not undo it.
  log.addEventListener("wheel", (event) => {
    if (event.deltaY < 0 && log.scrollHeight > log.clientHeight) following = false;
  }, { passive: true });
  byId("to-end").addEventListener("click", () => {
    following = true;
    toEnd();
    byId("prompt").focus();
  });
  new ResizeObserver(toEnd).observe(log);
}

function makeArticle(owner, message) {
  const own = message.role === "user";
  const article = make("article", {
    class: "message " + (own ? "user" : "assistant"), "aria-label": own ? "You" : "Answer",
  });
  articles.set(message, article);
  fillArticle(owner, message);
  return article;
}

function fillArticle(owner, message) {
  const article = articles.get(message);
  const own = message.role === "user";
  const body = make("div", { class: "body" });
  if (own) body.textContent = message.content;
  else body.append(renderMarkdown(message.content));
  article.replaceChildren(make("div", { class: "who" }, own ? "You" : message.model ?? "Answer"), body);
  if (own) article.append(makeUserActions(owner, message));
  else if (runs.get(owner.id)?.message !== message) appendOutcome(owner, message);
}

function makeUserActions(owner, message) {
  return make("div", { class: "actions" },
    makeCopyButton(() => message.content),
    makeButton("Edit", "plain edit", () => editMessage(owner, message)));
}

/// What stands below a finished answer: how it ended, figures, an error, buttons.
function appendOutcome(owner, message) {
  const article = articles.get(message);
  const note = outcomeNote(message);
  if (note) article.append(make("div", { class: "meta" }, note));
  if (message.error) article.append(makeFailure(owner, message));
  const actions = make("div", { class: "actions" });
  if (message.content) actions.append(makeCopyButton(() => message.content));
  if (!message.error) actions.append(makeButton("Answer again", "plain again", () => answerAgain(owner, message)));
  article.append(actions);
}

function outcomeNote(message) {
  const parts = [];
  if (message.tokens) parts.push(message.tokens === 1 ? "1 token" : message.tokens + " tokens");
  if (message.speed) parts.push(message.speed.toFixed(1) + " per second");
  if (message.finish === "length") parts.push("ended at the token limit");
  if (message.finish === "stopped") parts.push("stopped");
  if (message.finish === "stop" && !message.content) parts.push("empty answer");
  return parts.join(", ");
}

function makeFailure(owner, message) {
  return make("div", { class: "failure", role: "alert" },
    make("p", { class: "failure-text" }, message.error),
    makeButton("Retry", "retry", () => answerAgain(owner, message)));
}

function answerAgain(owner, message) {
  cutAt(owner, message);
  answer(owner);
  byId("prompt").focus();
}

/// Removes a message and all after it.
function cutAt(owner, message) {
  runs.get(owner.id)?.controller.abort();
  runs.delete(owner.id);
  const index = owner.messages.indexOf(message);
  if (index >= 0) owner.messages.length = index;
}

function editMessage(owner, message) {
  const article = articles.get(message);
  const rows = Math.min(12, message.content.split("\n").length + 1);
  const field = make("textarea", { rows, "aria-label": "Edit message" });
  field.value = message.content;
  const cancel = () => {
    fillArticle(owner, message);
    article.querySelector(".edit").focus();
  };
  const submit = () => {
    const text = field.value.trim();
    if (!text) return;
    following = true;
    cutAt(owner, message);
    ask(owner, text);
    byId("prompt").focus();
  };
  field.addEventListener("keydown", (event) => {
    if (isSendKey(event)) {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      cancel();
    }
  });
  const editor = make("div", { class: "editor" }, field);
  if (owner.messages.indexOf(message) < owner.messages.length - 2) {
    editor.append(make("p", { class: "note" }, "All messages after this one will be replaced."));
  }
  editor.append(make("div", { class: "row" },
    makeButton("Send", "primary send-edit", submit), makeButton("Cancel", "cancel-edit", cancel)));
  article.replaceChildren(make("div", { class: "who" }, "You"), editor);
  field.focus();
}

// ---- Asking and answering ---------------------------------------------------------------------------------------

function isSendKey(event) {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}

function ask(owner, text) {
  if (!owner.title) owner.title = text.split("\n")[0].slice(0, 60);
  owner.messages.push({ role: "user", content: text });
  answer(owner);
}

/// The conversation as the server gets it: without empty answers, and with neighbours of one role joined, because
/// many chat templates accept only turns that alternate.
function historyOf(owner) {
  const history = owner.system?.trim() ? [{ role: "system", content: owner.system }] : [];
  for (const { role, content } of owner.messages) {
    if (!content) continue;
    const last = history.at(-1);
    if (last?.role === role) last.content += "\n\n" + content;
    else history.push({ role, content });
  }
  return history;
}

function requestFor(owner) {
  const request = {
    messages: historyOf(owner), stream: true, stream_options: { include_usage: true }, ...samplingSettings(),
  };
  if (settings.model) request.model = settings.model;
  return request;
}

async function answer(owner) {
  const request = requestFor(owner);
  const message = { role: "assistant", content: "", model: settings.model, finish: "stopped" };
  const controller = new AbortController();
  const run = { message, controller, tokens: 0, firstAt: 0, nextRender: 0, nextSave: 0, frame: 0 };
  owner.messages.push(message);
  owner.updated = Date.now();
  runs.set(owner.id, run);
  beginRun(owner, run);
  try {
    await streamAnswer(owner, run, request);
  } catch (error) {
    if (!run.controller.signal.aborted) {
      message.finish = "error";
      message.error = error.message || "The answer failed.";
    }
  }
  endRun(owner, run);
}

function beginRun(owner, run) {
  saveChat(owner);
  const article = makeArticle(owner, run.message);
  article.classList.add("running");
  article.setAttribute("aria-busy", "true");
  run.body = article.querySelector(".body");
  run.body.append(make("p", { class: "pending" }, "Waiting for the model"));
  run.view = new GrowingMarkdown(run.body);
  if (owner === chat) showLog();
  showChats();
  showComposer();
  announce("Answering");
}

function endRun(owner, run) {
  cancelAnimationFrame(run.frame);
  run.controller.abort(); // after an error in the stream the connection may still be open
  const { message } = run;
  if (!message.tokens) message.tokens = run.tokens;
  const seconds = (run.lastAt - run.firstAt) / 1000;
  if (message.tokens > 1 && seconds > 0.05) message.speed = (message.tokens - 1) / seconds;
  if (runs.get(owner.id) === run) runs.delete(owner.id);
  showText(run);
  run.body.querySelector(".pending")?.remove();
  const article = articles.get(message);
  article.classList.remove("running");
  article.removeAttribute("aria-busy");
  appendOutcome(owner, message);
  saveChat(owner);
  if (owner === chat) showLog();
  showComposer();
  loadModels(true); // the answer may have loaded the model
  announce(message.error ? "The answer failed" : message.finish === "stopped" ? "Stopped" : "Answer finished");
}

function stopAnswer() {
  runs.get(chat.id)?.controller.abort();
}

async function streamAnswer(owner, run, request) {
  const response = await callServer("/v1/chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(request),
    signal: run.controller.signal,
  });
  if (!response.ok) throw new Error(await failureText(response));
  let finished = false;
  for await (const data of eventData(response.body)) {
    if (data === "[DONE]") return;
    finished = takeChunk(owner, run, JSON.parse(data)) || finished;
  }
  if (!finished) throw new Error("The connection ended before the answer did.");
}

/// Adds one chunk to the answer; true when it carries the reason why the answer ended.
function takeChunk(owner, run, chunk) {
  if (chunk.error) throw new Error(chunk.error.message || "The server reported an error.");
  if (chunk.usage) run.message.tokens = chunk.usage.completion_tokens;
  const choice = chunk.choices?.[0];
  if (choice?.delta?.content) {
    run.message.content += choice.delta.content;
    run.tokens += 1;
    run.lastAt = performance.now();
    run.firstAt ||= run.lastAt;
    scheduleText(owner, run);
  }
  if (choice?.finish_reason) run.message.finish = choice.finish_reason;
  return Boolean(choice?.finish_reason);
}

/// Draws at most once a frame, and less often when drawing takes long: four fifths of the time stay free.
function scheduleText(owner, run) {
  if (run.frame) return;
  run.frame = requestAnimationFrame(() => {
    run.frame = 0;
    const start = performance.now();
    if (start < run.nextRender) return scheduleText(owner, run);
    showText(run);
    if (owner === chat) toEnd();
    run.nextRender = start + 5 * (performance.now() - start);
    if (start > run.nextSave) {
      saveChat(owner);
      run.nextSave = start + 2000;
    }
  });
}

function showText(run) {
  if (!run.message.content) return;
  run.body.querySelector(":scope > .pending")?.remove();
  run.view.update(run.message.content);
}

/// The `data:` fields of an event stream.
async function* eventData(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      throw error.name === "AbortError" ? error : new Error("The connection to the server was lost.");
    });
    rest += done ? decoder.decode() + "\n" : decoder.decode(value, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data:")) yield line.slice(5).trim();
    if (done) return;
  }
}

// ---- Server -----------------------------------------------------------------------------------------------------

/// fetch with the key; on 401 it asks for one and tries again, unless `quiet`.
async function callServer(path, options = {}, quiet = false) {
  for (;;) {
    const key = sessionStorage.getItem("vptq.key");
    const headers = { ...options.headers, ...(key ? { Authorization: "Bearer " + key } : {}) };
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch (error) {
      throw error.name === "AbortError" ? error : new Error("The server does not answer. Is it running?");
    }
    if (response.status !== 401 || quiet) return response;
    if (sessionStorage.getItem("vptq.key") !== key) continue; // another request has asked meanwhile
    if (!(await askForKey(Boolean(key)))) return response;
  }
}

let askingForKey = null;

function askForKey(wasWrong) {
  askingForKey ??= new Promise((resolve) => {
    byId("key-help").textContent = wasWrong
      ? "The server did not accept this key. Please give another."
      : "This server asks for a key. It is kept until this tab is closed.";
    byId("key").value = "";
    const dialog = byId("key-dialog");
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      askingForKey = null;
      resolve(dialog.returnValue === "ok");
    }, { once: true });
    dialog.showModal();
  });
  return askingForKey;
}

function watchKeyDialog() {
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("vptq.key", byId("key").value.trim());
    byId("key-dialog").close("ok");
  });
  byId("key-cancel").addEventListener("click", () => byId("key-dialog").close(""));
}

async function failureText(response) {
  let text = "";
  try { text = (await response.json()).error.message; } catch { /* not the API's form of error */ }
  text ||= `The server answered with status ${response.status}.`;
  const wait = response.headers.get("Retry-After");
  if (response.status === 429 && /^\d+$/.test(wait ?? "")) text += ` Try again in ${wait} s.`;
  return text;
}

// ---- Models -----------------------------------------------------------------------------------------------------

let modelTimer = 0;

/// Tries again until the server has given its list; only the first try may ask for the key.
async function loadModels(quiet = false) {
  clearTimeout(modelTimer);
  try {
    const response = await callServer("/v1/models", {}, quiet);
    if (!response.ok) throw new Error(await failureText(response));
    const list = (await response.json()).data ?? [];
    const isNew = JSON.stringify(list) !== JSON.stringify(models);
    models = list;
    if (isNew) showModels(); // else an open menu would close
    else showModelFacts();
  } catch (error) {
    showModelNote(error.message);
    clearTimeout(modelTimer);
    modelTimer = setTimeout(() => loadModels(true), 5000);
  }
}

function showModels() {
  if (!models.some((model) => model.id === settings.model)) settings.model = models[0]?.id;
  byId("model").replaceChildren(...models.map((model) => make("option", { value: model.id }, modelLabel(model))));
  byId("model").value = settings.model ?? "";
  showModelFacts();
}

function modelLabel({ id, vptq }) {
  const facts = [];
  if (vptq?.bits_per_weight) facts.push(vptq.bits_per_weight.toFixed(2) + " bit");
  if (vptq?.file_bytes) facts.push(bytesText(vptq.file_bytes));
  return facts.length ? `${id} (${facts.join(", ")})` : id;
}

function showModelFacts() {
  const facts = models.find((model) => model.id === settings.model)?.vptq ?? {};
  const rows = [
    ["Architecture", facts.architecture],
    ["Parameters", facts.parameters && countText(facts.parameters)],
    ["Bits per weight", facts.bits_per_weight?.toFixed(2)],
    ["Size", facts.file_bytes && bytesText(facts.file_bytes)],
    ["Context", facts.context_length && facts.context_length + " tokens"],
    ["Loaded", facts.loaded === true ? "yes" : facts.loaded === false ? "no" : null],
  ].filter(([, value]) => value);
  const nodes = rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  byId("model-facts").replaceChildren(...nodes);
  if (models.length === 0) showModelNote("The server has no model.");
  else showModelNote(facts.has_chat_template === false ? "This model has no chat template." : "");
}

function showModelNote(text) {
  byId("model-note").textContent = text;
  byId("model-note").hidden = !text;
}

function scaled(value, units) {
  let at = 0;
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return value.toFixed(value < 10 && at > 0 ? 1 : 0) + units[at];
}

const bytesText = (value) => scaled(value, [" B", " kB", " MB", " GB", " TB"]);
const countText = (value) => scaled(value, ["", " thousand", " million", " billion"]);

// ---- Settings ---------------------------------------------------------------------------------------------------

const settingFields = () => [...document.querySelectorAll("[data-setting]")];

function samplingSettings() {
  const sampling = {};
  for (const field of settingFields()) {
    if (field.value !== "" && field.validity.valid) sampling[field.id] = field.valueAsNumber;
  }
  const stop = byId("stop-strings").value.split("\n").filter((line) => line !== "").slice(0, 4);
  if (stop.length) sampling.stop = stop.map((line) => line.replaceAll("\\n", "\n"));
  return sampling;
}

function showSettings() {
  for (const field of settingFields()) field.value = settings[field.id] ?? "";
  byId("stop-strings").value = settings.stop ?? "";
  checkSettings();
}

function takeSettings() {
  for (const field of settingFields()) settings[field.id] = field.value;
  settings.stop = byId("stop-strings").value;
  saveSettings();
  checkSettings();
}

/// A value out of range is marked and not sent.
function checkSettings() {
  const wrong = settingFields().filter((field) => !field.validity.valid);
  for (const field of settingFields()) field.setAttribute("aria-invalid", String(wrong.includes(field)));
  const problem = byId("settings-problem");
  problem.hidden = wrong.length === 0;
  if (wrong.length) problem.textContent = wrong.map(rangeText).join(" ");
}

function rangeText(field) {
  const kind = field.step === "1" ? "a whole number" : "a number";
  return `${field.labels[0].textContent} is not used: it takes ${kind} from ${field.min} to ${field.max}.`;
}

function watchSettings() {
  byId("settings").addEventListener("input", (event) => {
    if (event.target.matches("[data-setting], #stop-strings")) takeSettings();
  });
  byId("system").addEventListener("input", () => {
    chat.system = byId("system").value;
    saveChat(chat);
  });
  byId("model").addEventListener("change", () => {
    settings.model = byId("model").value;
    saveSettings();
    showModelFacts();
  });
  byId("reset-settings").addEventListener("click", () => {
    for (const field of settingFields()) field.value = "";
    byId("stop-strings").value = "";
    takeSettings();
  });
}

// ---- Chart ------------------------------------------------------------------------------------------------------

const SAMPLES = 60;
const samples = []; // the last minute of /status, null where the server did not answer

/// Polls once a second while the page can be seen.
async function pollStatus() {
  if (document.hidden) return;
  let status = null;
  try {
    const response = await callServer("/status", { signal: AbortSignal.timeout(5000) }, true);
    if (response.ok) status = await response.json();
  } catch { /* shown as a gap */ }
  samples.push(status);
  if (samples.length > SAMPLES) samples.shift();
  showStatus(status);
}

function showStatus(status) {
  const speed = status?.tokens_per_second;
  const memory = status?.resident_bytes;
  drawChart("speed", samples.map((each) => each?.tokens_per_second), 1, speed?.toFixed(1));
  drawChart("memory", samples.map((each) => each?.resident_bytes), 1e6, memory && bytesText(memory));
  byId("server-state").textContent = !status ? "The server does not answer" : activityText(status);
}

function activityText({ active, queued }) {
  if (!active && !queued) return "Idle";
  return `${active ?? 0} answering` + (queued ? `, ${queued} waiting` : "");
}

/// Draws from zero to the largest value; missing values leave gaps.
function drawChart(name, values, smallestTop, latest = "–") {
  const top = Math.max(smallestTop, ...values.map((value) => value ?? 0));
  let path = "";
  let pen = "M";
  values.forEach((value, index) => {
    const known = Number.isFinite(value);
    if (known) path += `${pen}${SAMPLES - values.length + index} ${(19.5 - 19 * value / top).toFixed(2)}`;
    pen = known ? "L" : "M";
  });
  const chart = byId(name + "-chart");
  chart.querySelector("path").setAttribute("d", path);
  const label = name === "speed" ? "Tokens per second" : "Memory";
  chart.setAttribute("aria-label", `${label} over the last minute, now ${latest}`);
  byId(name + "-value").textContent = latest;
}

function watchStatus() {
  const next = async () => {
    await pollStatus();
    setTimeout(next, 1000);
  };
  next();
}

// ---- Message field, panels, theme -------------------------------------------------------------------------------

const isNarrow = () => matchMedia("(max-width: 60rem)").matches;

function announce(text) {
  byId("announce").textContent = text;
}

function showNotice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

function showComposer() {
  const busy = runs.has(chat.id);
  const hadFocus = document.activeElement === byId("stop");
  byId("send").hidden = busy;
  byId("stop").hidden = !busy;
  if (hadFocus && !busy) byId("prompt").focus();
}

function fitPrompt() {
  const prompt = byId("prompt");
  prompt.style.setProperty("height", "auto");
  prompt.style.setProperty("height", prompt.scrollHeight + 2 + "px");
  toEnd();
}

function send() {
  const prompt = byId("prompt");
  const text = prompt.value.trim();
  if (!text || runs.has(chat.id)) return;
  prompt.value = "";
  unstore("vptq.draft");
  fitPrompt();
  following = true;
  ask(chat, text);
}

function watchComposer() {
  const prompt = byId("prompt");
  prompt.value = stored("vptq.draft") ?? "";
  prompt.addEventListener("input", () => {
    store("vptq.draft", prompt.value);
    fitPrompt();
  });
  prompt.addEventListener("keydown", (event) => {
    if (!isSendKey(event)) return;
    event.preventDefault();
    send();
  });
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
    prompt.focus();
  });
  byId("stop").addEventListener("click", stopAnswer);
}

function setPanel(name, open) {
  document.body.classList.toggle("with-" + name, open);
  byId(name === "sidebar" ? "open-sidebar" : "toggle-settings").setAttribute("aria-expanded", String(open));
}

const isOpen = (name) => document.body.classList.contains("with-" + name);

function openSidebar() {
  setPanel("settings", false);
  setPanel("sidebar", true);
  byId("new-chat").focus();
}

function closeSidebar() {
  if (!isOpen("sidebar")) return;
  setPanel("sidebar", false);
  byId("open-sidebar").focus();
}

function toggleSettings() {
  const open = !isOpen("settings");
  setPanel("settings", open);
  if (open && isNarrow()) setPanel("sidebar", false);
  if (!isNarrow()) store("vptq.panel", open ? "open" : "closed");
  (open ? byId("model") : byId("toggle-settings")).focus();
}

function watchPanels() {
  byId("open-sidebar").addEventListener("click", openSidebar);
  byId("close-sidebar").addEventListener("click", closeSidebar);
  byId("toggle-settings").addEventListener("click", toggleSettings);
  byId("close-settings").addEventListener("click", toggleSettings);
  byId("new-chat").addEventListener("click", () => {
    newChat();
    closeSidebar();
    byId("prompt").focus();
  });
  byId("export-all").addEventListener("click", () => {
    exportChats(newestFirst().filter((each) => each.messages.length > 0), "vptq-conversations");
  });
  // On a narrow screen a press beside an open panel closes it.
  document.querySelector("main").addEventListener("pointerdown", (event) => {
    if (!isNarrow() || event.target.closest("header")) return;
    setPanel("sidebar", false);
    setPanel("settings", false);
  });
  setPanel("settings", !isNarrow() && stored("vptq.panel") !== "closed" && innerWidth > 1100);
}

/// Escape closes a panel that lies over the page, else stops the answer; dialogs close themselves.
function onEscape(event) {
  if (event.key !== "Escape" || event.isComposing || byId("key-dialog").open) return;
  if (isNarrow() && isOpen("settings")) toggleSettings();
  else if (isNarrow() && isOpen("sidebar")) closeSidebar();
  else stopAnswer();
}

const THEMES = ["system", "light", "dark"];

function showTheme() {
  const theme = stored("vptq.theme") ?? "system";
  document.documentElement.setAttribute("data-theme", theme);
  byId("theme").textContent = "Theme: " + theme;
}

function watchTheme() {
  showTheme();
  byId("theme").addEventListener("click", () => {
    const now = document.documentElement.getAttribute("data-theme");
    store("vptq.theme", THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
    showTheme();
  });
}

/// Takes over what another tab has changed, except where this one is writing an answer.
function onStorage(event) {
  if (!event.key?.startsWith(PREFIX)) return;
  const id = event.key.slice(PREFIX.length);
  if (runs.has(id) || document.querySelector(".editor, #chats input")) return;
  const changed = readChat(event.key);
  if (changed) chats.set(id, changed);
  else chats.delete(id);
  if (chat.id === id && changed) openChat(changed);
  else if (chat.id === id) newChat();
  else showChats();
}

function saveRunning() {
  for (const id of runs.keys()) saveChat(chats.get(id));
}

/// The browser ends the requests of a page that goes away; their answers count as stopped, not as failed.
function leave() {
  saveRunning();
  for (const run of runs.values()) run.controller.abort();
}

function start() {
  watchTheme();
  watchPanels();
  watchKeyDialog();
  watchScrolling();
  watchComposer();
  watchSettings();
  showSettings();
  const last = chats.get(stored("vptq.current"));
  if (last) openChat(last);
  else newChat();
  fitPrompt();
  document.addEventListener("keydown", onEscape);
  document.addEventListener("visibilitychange", () => { if (document.hidden) saveRunning(); });
  addEventListener("pagehide", leave);
  addEventListener("storage", onStorage);
  loadModels();
  watchStatus();
  if (!isNarrow()) byId("prompt").focus();
}

start();
