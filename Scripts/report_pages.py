#!/usr/bin/env python3
"""Opens reports in headless Chromium and checks what a reader would see; see Scripts/report-test.

  Scripts/report_pages.py [--pictures FOLDER] PAGE.html ...

Every page is shown on a desktop (1280 wide), a phone (390 wide), dark and printed. Checked: nothing is wider than the
screen, no text of a chart is cut off, covers another or is drawn smaller than 10 pixels, every chart has a name, a
description and its numbers, no script, no message in the console, and no request but the page itself.
Needs nothing but Python 3 and Chromium. Ends with 1 at the first failure.
"""
import base64
import importlib.util
import pathlib
import sys
import time

here = pathlib.Path(__file__).parent
specification = importlib.util.spec_from_file_location("page_test", here / "page-test.py")
page_test = importlib.util.module_from_spec(specification)
specification.loader.exec_module(page_test)
Browser, Failure, check, say = page_test.Browser, page_test.Failure, page_test.check, page_test.say

# The texts of all charts that are shown, as the reader sees them.
FINDINGS = r"""(() => {
  const findings = [];
  const short = (element) => JSON.stringify(element.textContent.slice(0, 60));
  for (const svg of document.querySelectorAll("svg.chart")) {
    const frame = svg.getBoundingClientRect();
    if (frame.width === 0) continue;
    const name = svg.querySelector(":scope > title")?.textContent;
    if (!name) findings.push("a chart without a name");
    if (!svg.querySelector(":scope > desc")) findings.push(name + ": no description");
    const figure = svg.closest("figure");
    if (!figure.querySelector("details table tbody tr")) findings.push(name + ": no numbers behind it");
    const scale = frame.width / svg.viewBox.baseVal.width;
    const boxes = [...svg.querySelectorAll("text")].map((text) => ({ text, box: text.getBoundingClientRect() }));
    for (const { text, box } of boxes) {
      const size = parseFloat(getComputedStyle(text).fontSize) * scale;
      if (size < 10) findings.push(`${name}: ${short(text)} is drawn ${size.toFixed(1)} pixels high`);
      if (box.left < frame.left - 3 || box.right > frame.right + 3 || box.top < frame.top - 3 || box.bottom > frame.bottom + 3)
        findings.push(`${name}: ${short(text)} is cut off`);
    }
    for (let i = 0; i < boxes.length; i++)
      for (let j = i + 1; j < boxes.length; j++) {
        const [a, b] = [boxes[i].box, boxes[j].box];
        // Lines of text are boxes with air above and below.
        const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (width > 1 && height > 4) findings.push(`${name}: ${short(boxes[i].text)} and ${short(boxes[j].text)} overlap`);
      }
    for (const shape of svg.querySelectorAll("[d], [points], [x], [cx], [x1]"))
      for (const attribute of shape.attributes)
        if (/NaN|inf/i.test(attribute.value)) findings.push(`${name}: ${attribute.name}="${attribute.value}"`);
  }
  const wide = document.scrollingElement.scrollWidth - innerWidth;
  if (wide > 0) findings.push(`the page is ${wide} pixels wider than the screen`);
  for (const element of document.querySelectorAll("h1, p, dt, dd, figcaption, li, summary")) {
    const box = element.getBoundingClientRect();
    if (box.width && (box.right > innerWidth + 1 || box.left < -1)) findings.push(short(element) + " reaches beyond the screen");
  }
  if (document.querySelector("script")) findings.push("there is a script");
  for (const element of document.querySelectorAll("*"))
    for (const attribute of element.attributes) {
      if (/^on/i.test(attribute.name)) findings.push("an attribute " + attribute.name);
      if (/^(src|href|xlink:href)$/i.test(attribute.name) && attribute.value !== "data:,")
        findings.push(`${attribute.name}="${attribute.value}"`);
    }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  if (new Set(ids).size !== ids.length) findings.push("an id occurs twice");
  return findings;
})()"""


def open_page(browser, path):
    browser.events.clear()
    error = browser.call("Page.navigate", url=path.absolute().as_uri()).get("errorText")
    check(not error, f"{path}: {error}")
    browser.wait_for("document.readyState === 'complete' && document.querySelector('main') !== null", "the page loads")


def inspect(browser, path, how):
    findings = browser.evaluate(FINDINGS)
    check(not findings, f"{path.name}, {how}:\n  " + "\n  ".join(findings[:20]))


def whole_page(browser, width, phone=False):
    """Makes the window as high as the page."""
    browser.screen(width, 800, phone)
    height = browser.evaluate("document.documentElement.scrollHeight")
    browser.screen(width, min(height, 16000), phone)


def try_page(browser, path, pictures):
    stem = pictures / path.stem if pictures else None
    for how, width, scheme, phone in (
            ("desktop", 1280, "light", False), ("narrow window", 700, "light", False), ("phone", 390, "light", True),
            ("dark", 1280, "dark", False), ("dark phone", 390, "dark", True)):
        browser.screen(width, 800, phone)
        browser.colours(scheme)
        open_page(browser, path)
        inspect(browser, path, how)
        if stem and how in ("desktop", "phone", "dark"):
            whole_page(browser, width, phone)
            browser.shoot(f"{stem}-{how}.png")
            browser.screen(width, 800, phone)
        browser.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)")
        inspect(browser, path, how + " with all numbers shown")
        requests = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
        others = [u for u in requests if u != path.absolute().as_uri() and u != "data:,"]
        check(not others, f"{path.name} asks for {others}")
        messages = [e for e in browser.events
                    if e["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")]
        check(not messages, f"{path.name}: {messages[:3]}")
    browser.colours("dark")
    open_page(browser, path)
    data = browser.call("Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69)["data"]
    pdf = base64.b64decode(data)
    check(pdf.startswith(b"%PDF"), f"{path.name} does not print")
    if stem:
        pathlib.Path(f"{stem}.pdf").write_bytes(pdf)
    charts = browser.evaluate("document.querySelectorAll('.wide svg.chart').length")
    say(f"{path.name}: {charts} charts, {path.stat().st_size // 1000} kB")


def main():
    arguments = sys.argv[1:]
    pictures = None
    if arguments[:1] == ["--pictures"]:
        pictures = pathlib.Path(arguments[1])
        pictures.mkdir(parents=True, exist_ok=True)
        arguments = arguments[2:]
    if not arguments:
        sys.exit(__doc__.strip())
    browser = Browser()
    try:
        browser.open_page()
        for path in arguments:
            try_page(browser, pathlib.Path(path), pictures)
    except Failure as failure:
        print("FAILED  " + str(failure), flush=True)
        return 1
    finally:
        browser.close()
    print("all pages as they should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
