"use strict";
/* Checks a statement by spec/62-voice.md, with nothing from outside this file.
   Signatures are the browser's (WebCrypto, Ed25519); BLAKE2b and MessagePack are here, held to the vectors.
   Whatever is not as it should be is refused: no path ends in "holds" but the last line of verdict(). */
(() => {
const WORDS = "@WORDS@".split(" ");
const HINTS = @HINTS@;
const TITLE = "tercet statement, version 1";
const SLIPS = ["nothing_given", "root_words", "unknown_word"]; /* of whoever fills in the fields: they say nothing of a file */
const ROLES = ["founder", "founder", "desk", "guardian", "guardian"];
const UNFIT = new RegExp("[\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u180e\\u200b\\u2028\\u2029\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"
  + "\\u{110bd}\\u{110cd}\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}]", "u");
const SEEN = /[^\s\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u200c-\u200f\u2800\u3164\ufe00-\ufe0f\uffa0]/u;
const DAY_MOST = 2932896, COUNT = 2 ** 32, FILE_MOST = 300000;

class Refusal extends Error { constructor(code) { super(code); this.code = code; } }
const refuse = (code) => { throw new Refusal(code); };
const form = (good) => { if (!good) refuse("voice_file"); };

const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
const joined = (...parts) => {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) { out.set(part, at); at += part.length; }
  return out;
};

/* ---- BLAKE2b-256, RFC 7693 */
const M64 = (1n << 64n) - 1n;
const IV = [0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n];
const SIGMA = ["0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8", "905724afe1bc683d",
  "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5", "a2847615fb9e3cd0"]
  .map((row) => Array.from(row, (c) => parseInt(c, 16)));
const turn = (x, n) => ((x >> n) | (x << (64n - n))) & M64;

function blake2b(data) {
  const h = IV.slice();
  h[0] ^= 0x01010000n ^ 32n;
  const blocks = Math.max(1, Math.ceil(data.length / 128));
  for (let block = 0; block < blocks; block++) {
    const last = block === blocks - 1;
    const bytes = new Uint8Array(128);
    bytes.set(data.subarray(block * 128, block * 128 + 128));
    const view = new DataView(bytes.buffer);
    const m = Array.from({ length: 16 }, (_, i) => view.getBigUint64(8 * i, true));
    const v = [...h, ...IV];
    v[12] ^= BigInt(last ? data.length : (block + 1) * 128);
    if (last) v[14] ^= M64;
    const mix = (a, b, c, d, x, y) => {
      v[a] = (v[a] + v[b] + x) & M64; v[d] = turn(v[d] ^ v[a], 32n);
      v[c] = (v[c] + v[d]) & M64; v[b] = turn(v[b] ^ v[c], 24n);
      v[a] = (v[a] + v[b] + y) & M64; v[d] = turn(v[d] ^ v[a], 16n);
      v[c] = (v[c] + v[d]) & M64; v[b] = turn(v[b] ^ v[c], 63n);
    };
    for (let round = 0; round < 12; round++) {
      const s = SIGMA[round % 10].map((i) => m[i]);
      mix(0, 4, 8, 12, s[0], s[1]); mix(1, 5, 9, 13, s[2], s[3]);
      mix(2, 6, 10, 14, s[4], s[5]); mix(3, 7, 11, 15, s[6], s[7]);
      mix(0, 5, 10, 15, s[8], s[9]); mix(1, 6, 11, 12, s[10], s[11]);
      mix(2, 7, 8, 13, s[12], s[13]); mix(3, 4, 9, 14, s[14], s[15]);
    }
    for (let i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
  }
  const out = new DataView(new ArrayBuffer(32));
  for (let i = 0; i < 4; i++) out.setBigUint64(8 * i, h[i], true);
  return new Uint8Array(out.buffer);
}

/* ---- MessagePack: integers, texts, bytes and arrays, and nothing else */
function unpack(data) {
  let at = 0;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const take = (n) => { form(n <= data.length - at); at += n; return data.subarray(at - n, at); };
  const unsigned = (n) => {
    form(n <= data.length - at);
    const value = n === 1 ? view.getUint8(at) : n === 2 ? view.getUint16(at) : n === 4 ? view.getUint32(at)
      : view.getBigUint64(at);
    at += n;
    form(value <= Number.MAX_SAFE_INTEGER);
    return Number(value);
  };
  const signed = (n) => {
    form(n <= data.length - at);
    const value = n === 1 ? view.getInt8(at) : n === 2 ? view.getInt16(at) : n === 4 ? view.getInt32(at)
      : view.getBigInt64(at);
    at += n;
    form(value >= 0 && value <= Number.MAX_SAFE_INTEGER); /* no field may be below 0 */
    return Number(value);
  };
  const text = (n) => {
    try { return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(take(n)); }
    catch { return refuse("voice_file"); }
  };
  const array = (n, depth) => {
    form(depth < 8 && n <= data.length - at);
    const out = [];
    for (let i = 0; i < n; i++) out.push(value(depth + 1));
    return out;
  };
  const value = (depth) => {
    const kind = unsigned(1);
    if (kind < 0x80) return kind;
    if (kind >= 0x90 && kind < 0xa0) return array(kind & 15, depth);
    if (kind >= 0xa0 && kind < 0xc0) return text(kind & 31);
    switch (kind) {
      case 0xc4: return take(unsigned(1));
      case 0xc5: return take(unsigned(2));
      case 0xc6: return take(unsigned(4));
      case 0xcc: return unsigned(1);
      case 0xcd: return unsigned(2);
      case 0xce: return unsigned(4);
      case 0xcf: return unsigned(8);
      case 0xd0: return signed(1);
      case 0xd1: return signed(2);
      case 0xd2: return signed(4);
      case 0xd3: return signed(8);
      case 0xd9: return text(unsigned(1));
      case 0xda: return text(unsigned(2));
      case 0xdb: return text(unsigned(4));
      case 0xdc: return array(unsigned(2), depth);
      case 0xdd: return array(unsigned(4), depth);
      default: return refuse("voice_file");
    }
  };
  const found = value(0);
  form(at === data.length);
  return found;
}

const isBytes = (x, least, most) => x instanceof Uint8Array && x.length >= least && x.length <= most;
const isInt = (x, least, most) => typeof x === "number" && x >= least && x <= most;
const fields = (x, least, most) => { form(Array.isArray(x) && x.length >= least && x.length <= most); return x; };
const ascending = (list) => list.every((one, i) => !i || list[i - 1] < one);

/* ---- what a file holds: spec/61-root.md, 2; spec/62-voice.md, 2 and 4 */
function signatures(list, most) {
  fields(list, 0, most);
  for (const each of list) {
    const [key, signature] = fields(each, 2, 2);
    form(isBytes(key, 32, 32) && isBytes(signature, 64, 64));
  }
  form(ascending(list.map((each) => hex(each[0]))));
  return list;
}

function parseRoot(data) {
  const [payload, signed] = fields(unpack(data), 2, 2);
  form(isBytes(payload, 0, 2048));
  signatures(signed, 10);
  const [version, number, before, threshold, keys, board, others = []] = fields(unpack(payload), 6, 7);
  form(version === 1 && isInt(number, 1, COUNT) && isBytes(before, 32, 32) && isInt(threshold, 3, 4));
  fields(keys, 5, 5).forEach((key, i) => {
    const [role, bytes] = fields(key, 2, 2);
    form(role === ROLES[i] && isBytes(bytes, 32, 32));
  });
  const [boardKey, first, last, place, mark] = fields(board, 5, 5);
  form(isBytes(boardKey, 32, 32) && isInt(first, 0, DAY_MOST) && isInt(last, 0, DAY_MOST) && isInt(place, 0, COUNT));
  form(isBytes(mark, 32, 32));
  for (const each of fields(others, 0, 4)) {
    const [name, bytes] = fields(each, 2, 2);
    form(typeof name === "string" && name !== "" && [...name].length <= 16 && isBytes(bytes, 32, 32));
  }
  const publics = keys.map((key) => hex(key[1])), zeros = "0".repeat(64);
  form(new Set(publics).size === 5 && !publics.includes(hex(boardKey)));
  form((number === 1) === (hex(before) === zeros) && (place === 0) === (hex(mark) === zeros));
  form(first <= last && last <= first + 400);
  const lists = others.filter((each) => each[0] === "voice");
  return { payload, signed, number, before: hex(before), threshold, publics, boardKey: hex(boardKey), place,
    placeMark: hex(mark), mark: hex(blake2b(payload)), list: lists.length === 1 ? hex(lists[0][1]) : "" };
}

function parseFile(text) {
  form(text.length <= FILE_MOST && /^[\u0000-\u007f]*$/.test(text));
  const lines = text.replace(/\r\n?/g, "\n").replace(/^[\s\u001c-\u001f]+|[\s\u001c-\u001f]+$/g, "").split("\n");
  form(lines[0].trim() === TITLE);
  const digits = lines.slice(1).join("\n").split(/[ \t\n\r\f\v]+/).filter(Boolean);
  form(digits.every((part) => part.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(part)));
  const whole = digits.join("");
  const data = Uint8Array.from({ length: whole.length / 2 }, (_, i) => parseInt(whole.slice(2 * i, 2 * i + 2), 16));
  const [version, row, said, listed = []] = fields(unpack(data), 3, 4);
  form(version === 1);
  const [payload, signed] = fields(said, 2, 2);
  form(isBytes(payload, 0, 2864));
  signatures(signed, 5);
  const [statementVersion, number, issued, root, words] = fields(unpack(payload), 5, 5);
  form(statementVersion === 1 && isInt(number, 1, COUNT) && isInt(issued, 0, DAY_MOST) && isBytes(root, 32, 32));
  form(typeof words === "string" && utf8(words).length <= 2800 && !UNFIT.test(words) && SEEN.test(words));
  fields(listed, 0, 256).forEach((mark) => form(isBytes(mark, 32, 32)));
  form(ascending(listed.map(hex)));
  fields(row, 1, 64).forEach((each) => form(isBytes(each, 0, 2048)));
  return { roots: row.map(parseRoot), payload, signed, number, issued, root: hex(root), text: words,
    mark: hex(blake2b(payload)), listed: listed.map(hex) };
}

/* ---- signatures */
const SMALL = ["0".repeat(64), "01" + "0".repeat(62),
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"];
function weak(point) { /* of small order, or not in its one right form */
  const plain = Uint8Array.from(point);
  plain[31] &= 127;
  const high = plain[0] >= 236 && plain[31] === 127 && plain.subarray(1, 31).every((b) => b === 255);
  return high || SMALL.includes(hex(plain));
}

async function verifies(key, message, signature) {
  if (weak(key) || weak(signature.subarray(0, 32))) return false;
  try {
    const made = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, made, signature, message);
  } catch { return false; }
}

async function counted(label, payload, signed, publics) {
  const message = joined(utf8(label), payload);
  let count = 0;
  for (const [key, signature] of signed) {
    if (publics.includes(hex(key)) && (await verifies(key, message, signature))) count++;
  }
  return count;
}

async function canCheck() { /* RFC 8032, 7.1, test 1, and the same with one bit changed */
  const bytes = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
  const key = bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  const signature = bytes("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
  const none = new Uint8Array(0);
  try { if (!(await verifies(key, none, signature))) return false; } catch { return false; }
  signature[40] ^= 1;
  return !(await verifies(key, none, signature));
}

/* ---- words */
async function wordsOf(mark, label) {
  const secret = await crypto.subtle.importKey("raw", mark, "HKDF", false, ["deriveBits"]);
  const info = utf8("tercet/1 " + label);
  const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info }, secret, 88);
  let number = BigInt("0x" + hex(new Uint8Array(bits)));
  const out = [];
  for (let i = 0; i < 8; i++) { out.unshift(WORDS[Number(number & 2047n)]); number >>= 11n; }
  return out.join(" ");
}

function readWords(typed) {
  const plain = typed.replace(/\s+/g, "").toLowerCase();
  if (/^[0-9a-f]{64}$/.test(plain)) return { mark: plain };
  const parts = typed.normalize("NFKC").toLowerCase().split(/[\s\-\u2010-\u2015]+/).filter(Boolean);
  const words = parts.map((part) => {
    const word = WORDS.find((each) => each.slice(0, 4) === [...part].slice(0, 4).join(""));
    return word && word.startsWith(part) ? word : refuse("unknown_word");
  });
  if (words.length !== 8) refuse("root_words");
  return { words: words.join(" ") };
}

/* ---- the rules: spec/61-root.md, 3; spec/62-voice.md, 5 */
async function walk(row, first) {
  const start = row[0];
  const same = first.mark ? first.mark === start.mark : first.words === (await wordsOf(blake2b(start.payload), "root"));
  if (!same || start.number !== 1) refuse("root_other");
  let held = null;
  for (const next of row) {
    if (held && (next.number !== held.number + 1 || next.before !== held.mark)) refuse("root_not_next");
    if (held && (await counted("tercet/1 root", next.payload, next.signed, held.publics)) < held.threshold) {
      refuse("root_old_few");
    }
    if ((await counted("tercet/1 root", next.payload, next.signed, next.publics)) < next.threshold) refuse("root_new_few");
    if (held) {
      const moved = next.place !== held.place || next.placeMark !== held.placeMark;
      if (next.place < held.place || (next.boardKey === held.boardKey && moved)) refuse("root_place");
    }
    held = next;
  }
  return row;
}

async function verdict(typed, text, others) {
  const found = parseFile(text), more = others.map(parseFile), first = readWords(typed);
  let row = await walk(found.roots, first);
  for (const each of more) {
    const other = await walk(each.roots, first);
    for (let i = 0; i < Math.min(row.length, other.length); i++) if (row[i].mark !== other[i].mark) refuse("voice_fork");
    if (other.length > row.length) row = other;
  }
  const under = row.find((each) => each.mark === found.root);
  if (!under) refuse("voice_root");
  const newest = row[row.length - 1];
  const signers = await counted("tercet/1 statement", found.payload, found.signed, under.publics);
  if (signers < under.threshold) refuse("voice_few");
  const own = await counted("tercet/1 statement", found.payload, found.signed, newest.publics);
  const bytes = (mark) => Uint8Array.from(mark.match(/../g), (pair) => parseInt(pair, 16));
  const lists = [found, ...more].map((each) => each.listed).filter((marks) => marks.includes(found.mark));
  const listed = newest.list !== "" && lists.some(
    (marks) => hex(blake2b(joined(utf8("tercet/1 voice"), ...marks.map(bytes)))) === newest.list);
  if (own < newest.threshold && !listed) refuse("voice_old");
  return { number: found.number, issued: found.issued, text: found.text, mark: found.mark,
    words: await wordsOf(bytes(found.mark), "statement"), under: under.number, newest: newest.number,
    newest_words: await wordsOf(bytes(newest.mark), "root"), listed: own < newest.threshold, signers };
}

/* ---- the page */
const at = (id) => document.getElementById(id);
const part = (name, text, id) => {
  const made = document.createElement(name);
  made.textContent = text;
  if (id) made.id = id;
  return made;
};

function show(found) {
  const said = document.createElement("blockquote");
  said.id = "said";
  for (const line of found.text.split("\n")) {
    const made = part("p", line);
    made.dir = "auto";
    said.append(made);
  }
  const date = new Date(found.issued * 86400000).toISOString().replace(/T.*/, "").replace(/^\+0*/, "");
  const facts = [
    part("p", `Statement ${found.number}, of ${date} as its signers say. Its eight words: ${found.words}`),
    part("p", `${found.signers} of the five keys of root ${found.under} signed it.`),
  ];
  if (found.listed) facts.push(part("p", "Keys that signed it were replaced since; the newest root says that it still counts."));
  facts.push(part("p", `Checked under root ${found.newest}, the newest known here: ${found.newest_words}. The group may ` +
    "have a newer one: only that knows of keys that were lost since."));
  return [part("h2", "It holds"), said, ...facts];
}

async function check() {
  const result = at("result");
  result.hidden = true;
  result.replaceChildren();
  delete result.dataset.code;
  delete result.dataset.facts;
  let code = "unforeseen", shown = [];
  try {
    const read = async (input) => Promise.all(Array.from(input.files, (file) => file.size > FILE_MOST ? refuse("voice_file") : file.text()));
    const [chosen = ""] = await read(at("file"));
    const others = await read(at("also"));
    const pasted = at("text").value.trim() ? at("text").value : "";
    if (!pasted && !at("file").files.length) refuse("nothing_given");
    if (!(await canCheck())) refuse("cannot_check");
    const found = await verdict(at("root").value, pasted || chosen, others);
    shown = show(found);
    result.dataset.facts = JSON.stringify(found);
    code = "holds";
  } catch (error) {
    code = error instanceof Refusal ? error.code : "unforeseen";
    const head = code === "cannot_check" ? "This browser cannot check it" : SLIPS.includes(code) ? "Nothing was checked" : "Do not believe it";
    shown = [part("h2", head),
      part("p", `${HINTS[code] ?? HINTS.unforeseen} [${code}]`)];
  }
  result.className = code === "holds" ? "yes" : SLIPS.includes(code) ? "" : "no";
  result.append(...shown);
  result.hidden = false;
  result.dataset.code = code;
}

at("check").addEventListener("click", check);
for (const id of ["root", "text", "file", "also"]) {
  at(id).addEventListener("input", () => { at("result").hidden = true; });
}
at("file").addEventListener("change", () => { at("text").value = ""; });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) { at("file").files = event.dataTransfer.files; at("text").value = ""; check(); }
});
})();
