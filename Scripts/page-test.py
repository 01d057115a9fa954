#!/usr/bin/env python3
"""Drives the page of `vptq serve` in headless Chromium and checks what a reader would see.

  Scripts/page-test.py URL [SCREENSHOT.png]

With a screenshot's name, SCREENSHOT-dark.png and SCREENSHOT-phone.png are written beside it. CHROMIUM names another
browser than `chromium`; PAGE_TEST_KEY gives an API key. Any model may stand behind the server: the first checks use
its answers, the later ones put answers made here in place of the page's `fetch`.
Needs nothing but Python 3 and Chromium (Debian: apt-get install chromium). Ends with 1 at the first failure.
"""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time


class Failure(Exception):
    pass


class Browser:
    """Chromium over its DevTools pipe: JSON messages that end with a zero byte, on descriptors 3 and 4."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="page-test-")
        child_in, self.out = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in os.pipe())
        self.inp, child_out = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in os.pipe())

        def place_pipes():
            os.dup2(child_in, 3)
            os.dup2(child_out, 4)

        self.process = subprocess.Popen(
            [os.environ.get("CHROMIUM", "chromium"), "--headless=new", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--disable-extensions", "--no-first-run", "--hide-scrollbars",
             "--remote-debugging-pipe", "--user-data-dir=" + self.profile, "about:blank"],
            preexec_fn=place_pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(child_in)
        os.close(child_out)
        self.buffer = b""
        self.number = 0
        self.session = None
        self.events = []

    def close(self):
        try:
            self.session = None
            self.call("Browser.close", wait=10)
            self.process.wait(10)
        except Exception:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def receive(self, deadline):
        """The next message, or None when the deadline passes."""
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.inp], [], [], left)[0]:
                return None
            data = os.read(self.inp, 1 << 20)
            if not data:
                raise Failure("Chromium ended")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, wait=60, **params):
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.out, json.dumps(request).encode() + b"\0")
        deadline = time.monotonic() + wait
        while (message := self.receive(deadline)) is not None:
            if message.get("id") == self.number:
                if "error" in message:
                    raise Failure(f"{method}: {message['error']['message']}")
                return message["result"]
            if "method" in message:
                self.events.append(message)
        raise Failure(f"{method}: no reply in {wait} s")

    def open_page(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def evaluate(self, script, wait=60):
        """The value of an expression in the page; a promise is awaited."""
        result = self.call("Runtime.evaluate", wait=wait, expression=script, awaitPromise=True, returnByValue=True,
                           userGesture=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise Failure("in the page: " + details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def wait_for(self, script, what, wait=60):
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            value = self.evaluate(script)
            if value:
                return value
            time.sleep(0.1)
        raise Failure(f"waited {wait} s in vain: {what}")

    def go(self, url):
        error = self.call("Page.navigate", url=url).get("errorText")
        check(not error, f"{url}: {error}")
        self.wait_for("document.readyState === 'complete' && typeof renderMarkdown === 'function'", "the page loads")

    def press(self, key, shift=False):
        code = {"Enter": 13, "Escape": 27, "Tab": 9}[key]
        event = dict(key=key, code=key, windowsVirtualKeyCode=code, modifiers=8 if shift else 0)
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **event, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def screen(self, width, height, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def colours(self, scheme):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def shoot(self, path):
        time.sleep(0.3)
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))


# Put into the page: small helpers, and a `fetch` whose answers the test makes. A piece that is a number is a pause in
# milliseconds, one that is an object a chunk, one that is a string text of the answer.
HELPERS = r"""
window.t = {
  q: (selector) => document.querySelector(selector),
  last: () => [...document.querySelectorAll("#log .assistant")].at(-1),
  text: () => t.last()?.querySelector(".body").textContent ?? "",
  busy: () => !t.q("#stop").hidden,
  set: (id, value) => {
    t.q("#" + id).value = value;
    t.q("#" + id).dispatchEvent(new Event("input", { bubbles: true }));
  },
  realFetch: window.fetch,
  requests: [],
  stream: (pieces) => new ReadableStream({
    async start(controller) {
      const put = (data) => controller.enqueue(new TextEncoder().encode("data: " + data + "\n\n"));
      for (const piece of pieces) {
        if (typeof piece === "number") await new Promise((resolve) => setTimeout(resolve, piece));
        else if (typeof piece === "object") put(JSON.stringify(piece));
        else put(JSON.stringify({ choices: [{ index: 0, delta: { content: piece }, finish_reason: null }] }));
      }
      controller.close();
    },
  }),
  end: { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
  // Each call of the chat's address takes the next of the answers {status, body, headers} or {pieces}.
  fake: (answers) => {
    window.fetch = async (path, options) => {
      if (path !== "/v1/chat/completions" || answers.length === 0) return t.realFetch.call(window, path, options);
      t.requests.push({ body: JSON.parse(options.body), headers: options.headers });
      const answer = answers.shift();
      if (answer.pieces) return new Response(t.stream(answer.pieces));
      return new Response(JSON.stringify(answer.body), { status: answer.status, headers: answer.headers ?? {} });
    };
  },
};
true
"""

HOSTILE = r"""<img src=x onerror=alert(1)>
<script>window.hacked = 1</script>

# <b>head</b>

- <iframe src="https://example.org"></iframe>
- [bad](javascript:alert(1)) [data](data:text/html,x) [ok](https://example.org/)

> <svg onload=alert(1)>

| <i>a</i> | b |
|---|---|
| <img src=x onerror=alert(2)> | `<script>` |

```html
<script>window.hacked = 2</script>
```
<img src=x onerror=alert(3)"""


def check(condition, what):
    if not condition:
        raise Failure(what)


def say(text):
    print("ok  " + text, flush=True)


def ready(b):
    b.evaluate(HELPERS)


def send(b, text):
    b.evaluate("t.q('#prompt').focus()")
    b.type(text)
    b.press("Enter")


def wait_idle(b, wait=120):
    b.wait_for("!t.busy()", "the answer ends", wait)


def outcome(b):
    """How the last answer ended, as the page keeps it."""
    return b.evaluate("chat.messages.at(-1)")


def test_opens(b, url):
    b.screen(1280, 800)
    b.colours("light")
    b.go(url)
    key = os.environ.get("PAGE_TEST_KEY")
    if key:
        b.wait_for("document.getElementById('key-dialog').open", "the page asks for the key", 20)
        b.evaluate("document.getElementById('key').focus()")
        b.type(key)
        b.press("Enter")
    ready(b)
    b.wait_for("t.q('#model').options.length > 0", "the list of models arrives")
    b.wait_for("t.q('#memory-chart path').getAttribute('d').includes('L')", "the chart has two points", 20)
    say("the page opens; model: " + b.evaluate("t.q('#model').selectedOptions[0].textContent"))


def test_stream(b):
    grown = []
    for tokens in (48, 400):
        b.evaluate(f"t.set('max_tokens', {tokens}); t.set('temperature', 0)")
        b.evaluate("""window.lengths = new Set(); new MutationObserver(() => lengths.add(t.text().length))
          .observe(t.q('#log'), { childList: true, subtree: true, characterData: true }); true""")
        send(b, "Count from one to one hundred in words.")
        b.wait_for("t.busy() || chat.messages.length > 1", "the message is sent", 10)
        wait_idle(b, 300)
        last = outcome(b)
        check(not last.get("error"), "the server answered with an error: " + str(last.get("error")))
        grown = b.evaluate("[...lengths].length")
        if grown > 3:
            break
    check(grown > 1, "the answer's text did not grow while it arrived")
    check(last["finish"] in ("stop", "length"), f"the answer ended with {last['finish']}")
    say(f"an answer streams: {len(last['content'])} characters, {last['tokens']} tokens, {grown} steps")


def test_stop(b):
    before = b.evaluate("fetch('/status', {headers: sessionStorage['vptq.key'] ? "
                        "{Authorization: 'Bearer ' + sessionStorage['vptq.key']} : {}}).then((r) => r.json())")
    context = b.evaluate("models.find((m) => m.id === settings.model).vptq?.context_length") or 2048
    for temperature in (0, 1, 1.5):
        b.evaluate(f"t.set('max_tokens', {min(2000, context // 2)}); t.set('temperature', {temperature})")
        b.evaluate("t.q('#new-chat').click()")
        # The page itself stops as soon as there is text, so that a fast model does not end first.
        b.evaluate("""window.stopping = new MutationObserver(() => {
          if (!runs.get(chat.id)?.message.content) return;
          stopping.disconnect();
          document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
        }); stopping.observe(t.q('#log'), { childList: true, subtree: true, characterData: true }); true""")
        send(b, "Tell a very long story about a river, a mill and a town.")
        b.wait_for("chat.messages.length > 1", "the message is sent", 10)
        wait_idle(b, 300)
        last = outcome(b)
        check(not last.get("error"), "the server answered with an error: " + str(last.get("error")))
        if last["finish"] == "stopped":
            break
    check(last["finish"] == "stopped", "three answers ended by themselves before they could be stopped")
    check(last["content"], "the text that had arrived was lost")
    size = len(last["content"])
    time.sleep(1)
    check(len(outcome(b)["content"]) == size, "text came after the stop")
    b.wait_for(f"samples.at(-1)?.active <= {before.get('active') or 0}", "the server stops generating", 20)
    say(f"an answer is stopped in mid-stream, after {size} characters; the server stops too")


def test_reload(b, url):
    b.evaluate("t.q('#prompt').focus()")
    b.type("not sent yet")
    wanted = b.evaluate("[chats.size, chat.id, t.text(), t.q('#max_tokens').value]")
    b.go(url)
    ready(b)
    found = b.evaluate("[chats.size, chat.id, t.text(), t.q('#max_tokens').value]")
    check(found == wanted, f"after a reload the page shows {found}, not {wanted}")
    check(b.evaluate("t.q('#prompt').value") == "not sent yet", "the text typed before the reload is gone")
    b.evaluate("t.set('prompt', '')")
    say(f"after a reload the {wanted[0]} conversations, the settings and the unsent text are there")


def test_hostile_text(b):
    counts = "(node) => node.querySelectorAll('img, script, iframe, svg, i, [onerror], [onload]').length"
    b.evaluate("window.hostile = " + json.dumps(HOSTILE))
    b.evaluate("""window.box = document.createElement("div"); box.className = "body";
      box.append(renderMarkdown(hostile)); t.q("#log").append(box); true""")
    check(b.evaluate(f"({counts})(box)") == 0, "model text made an element")
    for text in ("<img src=x onerror=alert(1)>", "<script>window.hacked = 1</script>", "<svg onload=alert(1)>"):
        check(b.evaluate(f"box.textContent.includes({json.dumps(text)})"), f"{text} is not shown as text")
    links = b.evaluate("[...box.querySelectorAll('a')].map((a) => [a.href, a.rel])")
    check(links and all(link == ["https://example.org/", "noopener noreferrer"] for link in links), f"links: {links}")
    b.evaluate("box.remove()")

    b.evaluate("t.fake([{ pieces: [...hostile].concat(t.end) }]); t.q('#new-chat').click()")
    send(b, "<img src=x onerror=alert(4)>")
    b.wait_for("chat.messages.length > 1 && !t.busy()", "the made answer ends", 20)
    check(b.evaluate(f"({counts})(t.q('#log')) + ({counts})(t.q('#chats'))") == 0, "streamed text made an element")
    check(b.evaluate("t.text().includes('<script>window.hacked = 2</script>')"), "the fenced code is not shown as text")
    check(b.evaluate("window.hacked === undefined"), "a script of the model ran")
    say("hostile text is shown as text and makes no element, whole and streamed character by character")


def test_markdown(b):
    """The text cut anywhere and grown must render like the whole, and awkward text must not take long."""
    text = ("# T\n\na *b* **c** `d` ***e***\nf_g_h 2 * 3 * 4\n\n1. x\n2. y\n   - z\n\n   w\n3. v\n\n> q\n\n"
            "```py\na = 1\n\nb\n```\n\n|a|b|\n|-|-|\n|1|2|\n\n- [ ] k\n- **l**\n\nhttps://example.org/a.\n\n---\nend")
    same = b.evaluate("""((text) => {
      const whole = document.createElement("div");
      whole.append(renderMarkdown(text));
      for (const step of [1, 2, 3, 7, 1000]) {
        const node = document.createElement("div");
        const view = new GrowingMarkdown(node);
        for (let end = step; end < text.length + step; end += step) view.update(text.slice(0, end));
        if (node.innerHTML !== whole.innerHTML) return "step " + step + ": " + node.innerHTML + "\\n" + whole.innerHTML;
      }
      return [whole.querySelectorAll("em, strong, code, ol, ul, blockquote, table, h3, hr, a").length];
    })(""" + json.dumps(text) + ")")
    check(same == [15], f"rendering while growing: {same}")
    odd = b.evaluate(r"""(() => {
      const parts = ["a", "b ", "\n", "\n\n", "- ", "1. ", "  ", "    ", "*", "**", "_", "`", "```", "```\n", "> ",
        "# ", "|", "|-|\n", "[x](https://example.org)", "~~", "\\", "---", "\t", "\r\n", "https://example.org/a"];
      let seed = 1;
      const random = (count) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % 9973 % count;
      for (let round = 0; round < 1000; round += 1) {
        const text = Array.from({ length: 25 }, () => parts[random(parts.length)]).join("");
        const whole = document.createElement("div");
        whole.append(renderMarkdown(text));
        const node = document.createElement("div");
        const view = new GrowingMarkdown(node);
        for (let end = 1; end <= text.length; end += 1) view.update(text.slice(0, end));
        if (node.innerHTML !== whole.innerHTML) return text;
      }
      return null;
    })()""", 120)
    check(odd is None, f"this text renders otherwise when it grows: {odd!r}")
    slow = b.evaluate("""["**a ", "*a_", "`a``", "[a](", ">", "- ", "|", "_a*b", "#", "~~", "![", "<", "* **", "\\t- "]
      .map((piece) => {
        const start = performance.now();
        renderMarkdown(piece.repeat(20000));
        renderMarkdown((piece + "\\n").repeat(3000));
        return [piece, Math.round(performance.now() - start)];
      }).sort((a, b) => b[1] - a[1])[0]""")
    check(slow[1] < 3000, f"rendering {slow[0]!r} many times took {slow[1]} ms")
    say(f"markdown renders the same whole and growing; the worst awkward text took {slow[1]} ms")


def test_errors(b):
    b.evaluate("""t.requests = []; t.fake([
      { status: 429, body: { error: { message: "The queue is full." } }, headers: { "Retry-After": "3" } },
      { pieces: ["Some text", 50, { error: { message: "It broke." } }] },
      { pieces: ["Cut off"] },
      { pieces: ["All well.", t.end] }]); t.q('#new-chat').click()""")
    send(b, "My careful question")
    for text in ("The queue is full. Try again in 3 s.", "It broke.", "The connection ended before the answer did."):
        b.wait_for("!t.busy() && !!t.last()?.querySelector('.failure-text')", "the error is shown", 20)
        shown = b.evaluate("t.last().querySelector('.failure-text').textContent")
        check(shown == text, f"the error shown is {shown!r}, not {text!r}")
        check(b.evaluate("t.q('.user .body').textContent") == "My careful question", "the question is gone")
        b.evaluate("t.last().querySelector('.retry').click()")
    b.wait_for("!t.busy() && t.text() === 'All well.'", "the retry brings the answer", 20)
    check(b.evaluate("t.requests.every((r) => r.body.messages.length === 1 && r.body.stream)"), "a retry's messages")
    say("errors before and in the stream are shown in the answer's place; retry works and the question stays")


def test_key(b):
    refused = "{ status: 401, body: { error: { message: 'no key' } } }"
    b.evaluate(f"t.requests = []; window.oldKey = sessionStorage['vptq.key']; t.q('#new-chat').click();"
               f"t.fake([{refused}, {{ pieces: ['Opened.', t.end] }}])")
    send(b, "Hello")
    b.wait_for("t.q('#key-dialog').open", "the page asks for a key", 10)
    b.type("test-key")
    b.press("Enter")
    b.wait_for("!t.busy() && t.text() === 'Opened.'", "the key opens the way", 10)
    check(b.evaluate("t.requests.at(-1).headers.Authorization") == "Bearer test-key", "the key was not sent")
    b.evaluate("oldKey ? sessionStorage['vptq.key'] = oldKey : sessionStorage.removeItem('vptq.key')")
    say("on 401 the page asks for the key and sends it")


def test_edit_and_settings(b):
    b.evaluate("""t.requests = []; t.q('#new-chat').click(); t.set('system', 'Be brief.'); t.set('top_k', '40');
      t.set('top_p', '7'); t.set('stop-strings', 'END\\n\\\\n\\\\n');
      t.fake([1, 2, 3].map((n) => ({ pieces: ["Answer " + n, t.end] })))""")
    problem = b.evaluate("t.q('#settings-problem').textContent")
    check(problem.startswith("Top-p is not used"), "a value out of range is not told")
    send(b, "One")
    b.wait_for("!t.busy() && t.text() === 'Answer 1'", "the first answer", 10)
    b.evaluate("t.q('#prompt').focus()")
    b.type("Two")
    b.press("Enter", shift=True)
    check(b.evaluate("chat.messages.length") == 2, "Shift+Enter sent the message")
    b.type("lines")
    b.press("Enter")
    b.wait_for("!t.busy() && t.text() === 'Answer 2'", "the second answer", 10)
    b.evaluate("t.q('.user .edit').click()")
    b.evaluate("t.q('.editor textarea').select()")
    b.type("One again")
    b.press("Enter")
    b.wait_for("!t.busy() && t.text() === 'Answer 3'", "the answer to the edited message", 10)
    check(b.evaluate("chat.messages.map((m) => m.content)") == ["One again", "Answer 3"], "the edited conversation")
    body = b.evaluate("t.requests[1].body")
    check([m["content"] for m in body["messages"]] == ["Be brief.", "One", "Answer 1", "Two\nlines"], "messages sent")
    check(body["top_k"] == 40 and "top_p" not in body and body["stop"] == ["END", "\n\n"], f"settings sent: {body}")
    b.evaluate("t.q('#reset-settings').click(); t.set('system', '')")
    say("editing a message goes on from there; system prompt, sampling and stop strings are sent")


def test_scrolling(b):
    b.evaluate("""t.q('#new-chat').click(); t.fake([{ pieces: Array.from({ length: 60 },
      (_, i) => [`Paragraph ${i} of a long answer.\\n\\n`, 40]).flat().concat(t.end) }])""")
    send(b, "Long")
    b.wait_for("t.q('#log').scrollTop > 100", "the log follows the answer", 10)
    b.call("Input.dispatchMouseEvent", type="mouseWheel", x=700, y=300, deltaX=0, deltaY=-80)
    b.wait_for("!following", "the log notices the reader", 5)
    time.sleep(0.3)
    place = b.evaluate("t.q('#log').scrollTop")
    check(b.evaluate("t.busy()"), "the long answer ended too early for this check")
    wait_idle(b, 20)
    check(abs(b.evaluate("t.q('#log').scrollTop") - place) < 2, "the log moved away from a reader who had scrolled up")
    b.evaluate("t.q('#to-end').click()")
    check(b.evaluate("following && t.q('#to-end').hidden"), "the button does not go to the end")
    say("the log follows the answer, and stays where a reader has scrolled up to")


def test_list(b):
    b.evaluate("t.q('#chats .rename').click()")
    b.type("A new name")
    b.press("Enter")
    check(b.evaluate("t.q('#chat-title').textContent") == "A new name", "renaming")
    check(b.evaluate("JSON.parse(localStorage['vptq.chat.' + chat.id]).title") == "A new name", "the name is not kept")
    size = b.evaluate("window.exported = 0; URL.createObjectURL = (blob) => { exported = blob; return '#'; };"
                      "HTMLAnchorElement.prototype.click = () => {}; t.q('#chats .export').click();"
                      "exported.text().then((text) => JSON.parse(text).conversations[0].messages.length)")
    check(size == 2, "the exported conversation")
    count = b.evaluate("chats.size")
    b.evaluate("window.confirm = () => true; t.q('#chats .delete').click()")
    check(b.evaluate("chats.size") == count - 1, "deleting")
    stored = b.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('vptq.chat.')).length")
    check(stored <= count - 1, "the deleted conversation is still kept")
    say("conversations can be renamed, exported and deleted")


def test_labels(b):
    nameless = b.evaluate("""[...document.querySelectorAll("button, input, select, textarea, [role=region], svg")]
      .filter((node) => !node.labels?.length && !node.getAttribute("aria-label") && !node.textContent.trim())
      .map((node) => node.outerHTML)""")
    check(not nameless, f"controls without a name: {nameless}")
    check(b.evaluate("t.q('#log').getAttribute('aria-live')") in ("polite", "off"), "the log is not live")
    b.evaluate("document.activeElement.blur(); t.q('.skip').focus()")
    check(b.evaluate("t.q('.skip').getBoundingClientRect().top >= 0"), "the skip link stays hidden")
    say("every control has a name; the skip link shows on focus")


def test_phone(b, picture):
    b.evaluate("""t.q('#new-chat').click(); t.fake([{ pieces: [hostile + "\\n```\\n" + "wide ".repeat(80) + "\\n```\\n"
      + "\\n|" + "wide cell|".repeat(20) + "\\n|" + "-|".repeat(20) + "\\n\\n" + "x".repeat(300), t.end] }])""")
    b.screen(390, 844, phone=True)
    send(b, "y" * 200)
    b.wait_for("chat.messages.length > 1 && !t.busy()", "the wide answer", 10)
    overflow = "Math.max(...[document.documentElement, document.body, t.q('#log')].map((n) => n.scrollWidth)) - 390"
    for name, action in (("closed panels", "0"), ("the conversations open", "t.q('#open-sidebar').click()"),
                         ("the settings open", "t.q('#close-sidebar').click(); t.q('#toggle-settings').click()")):
        b.evaluate(action)
        check(b.evaluate("innerWidth") == 390, "the page is wider than the phone")
        check(b.evaluate(overflow) <= 0, f"at 390 px, with {name}, the page scrolls sideways")
        if picture and name != "closed panels":
            b.shoot(picture + ("-phone-list.png" if "conv" in name else "-phone-settings.png"))
    b.press("Escape")
    check(b.evaluate("!document.body.classList.contains('with-settings')"), "Escape does not close the settings")
    say("at 390 px nothing scrolls sideways, with the panels closed and open")


def test_console(b):
    """No error in the console, no exception, no breach of the policy. Refusals made on purpose never reach the net."""
    bad = []
    keyed = bool(os.environ.get("PAGE_TEST_KEY"))
    for event in b.events:
        params = event.get("params", {})
        if event["method"] == "Runtime.exceptionThrown":
            bad.append(params["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            bad.append(str(params["args"]))
        elif event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
            if not (keyed and "401" in params["entry"]["text"]):
                bad.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        elif event["method"] == "Page.javascriptDialogOpening":
            bad.append("a dialog opened: " + params["message"])
    check(not bad, "in the console: " + "; ".join(bad[:5]))
    say("the console holds no error and no breach of the content policy")


def test_policy(b, url):
    headers = [e["params"]["response"]["headers"] for e in b.events if e["method"] == "Network.responseReceived"
               and e["params"]["type"] == "Document" and e["params"]["response"]["url"].rstrip("/") == url.rstrip("/")]
    check(headers, "no response for the page was seen")
    policy = {k.lower(): v for k, v in headers[0].items()}.get("content-security-policy", "")
    check("default-src 'none'" in policy and "unsafe" not in policy, f"the content policy is {policy!r}")
    hosts = {e["params"]["request"]["url"] for e in b.events if e["method"] == "Network.requestWillBeSent"
             and not e["params"]["request"]["url"].startswith((url.rstrip("/") + "/", "data:", "blob:", "about:"))}
    check(not hosts, f"the page asked other hosts: {hosts}")
    say("the content policy is sent, and nothing is loaded from another host")


def take_pictures(b, url, picture):
    """The last real conversation in light and dark, wide and on a phone."""
    b.screen(1280, 800)
    b.go(url)
    ready(b)
    b.evaluate("openChat(newestFirst().filter((c) => c.messages.length).at(-1)); true")
    time.sleep(4)
    b.shoot(picture + ".png")
    b.colours("dark")
    b.shoot(picture + "-dark.png")
    b.colours("light")
    b.screen(390, 844, phone=True)
    b.go(url)
    ready(b)
    b.evaluate("openChat(newestFirst().filter((c) => c.messages.length).at(-1)); true")
    b.shoot(picture + "-phone.png")
    print("pictures: " + ", ".join(picture + end for end in (".png", "-dark.png", "-phone.png")))


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.strip())
    url = sys.argv[1]
    picture = sys.argv[2].removesuffix(".png") if len(sys.argv) == 3 else None
    browser = Browser()
    try:
        browser.open_page()
        test_opens(browser, url)
        test_stream(browser)
        test_stop(browser)
        test_reload(browser, url)
        test_hostile_text(browser)
        test_markdown(browser)
        test_errors(browser)
        test_key(browser)
        test_edit_and_settings(browser)
        test_scrolling(browser)
        test_list(browser)
        test_labels(browser)
        test_phone(browser, picture)
        if picture:
            take_pictures(browser, url, picture)
        test_policy(browser, url)
        test_console(browser)
    except Failure as failure:
        print("FAILED  " + str(failure), flush=True)
        if picture:
            try:
                browser.shoot(picture + "-failed.png")
            except Exception:
                pass
        return 1
    finally:
        browser.close()
    print("all checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
