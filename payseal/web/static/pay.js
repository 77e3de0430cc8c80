"use strict";
// Improves pages that are complete without it: groups the number, names the brand, stops double
// clicks, watches a payment under way, and tells times in the reader's own zone.

const BRANDS = [
  ["American Express", /^3[47]/],
  ["Mastercard", /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/],
  ["Discover", /^(6011|64[4-9]|65)/],
  ["JCB", /^35(2[89]|[3-8])/],
  ["Diners Club", /^3(0[0-5]|[689])/],
  ["UnionPay", /^62/],
  ["Visa", /^4/],
];
const WATCH_FIRST_MS = 1000, WATCH_LAST_MS = 15000;

function brandOf(digits) {
  const found = BRANDS.find(([, first]) => first.test(digits));
  return found ? found[0] : "";
}

function grouped(digits) {
  const sizes = /^3[47]/.test(digits) ? [4, 6, 5] : [4, 4, 4, 4, 3];
  const groups = [];
  for (const size of sizes) {
    if (digits) groups.push(digits.slice(0, size));
    digits = digits.slice(size);
  }
  return groups.join(" ");
}

// Writes the field anew as `format` has it, and leaves the caret behind the same digit.
function reformat(field, format) {
  const before = field.value.slice(0, field.selectionStart).replace(/\D/g, "").length;
  const text = format(field.value.replace(/\D/g, ""));
  if (text === field.value) return;
  const atEnd = field.selectionStart === field.value.length;
  field.value = text;
  let caret = 0;
  for (let digits = 0; digits < before && caret < text.length; caret++) {
    if (/\d/.test(text[caret])) digits++;
  }
  if (atEnd) caret = text.length;
  field.setSelectionRange(caret, caret);
}

function improve(form) {
  if (form.elements.number) improveCard(form);
  const button = form.querySelector("button");
  const words = button.textContent;
  form.addEventListener("submit", () => {
    button.disabled = true;
    button.textContent = button.dataset.busy;
  });
  // A page that comes back from the browser's memory can be sent again.
  form.elements.screen.value = [screen.width, screen.height, screen.colorDepth, new Date().getTimezoneOffset()].join(" ");
  addEventListener("pageshow", () => {
    button.disabled = false;
    button.textContent = words;
  });
}

function improveCard(form) {
  const { number, expiry } = form.elements;
  const brand = form.querySelector("[data-brand]");
  number.addEventListener("input", () => {
    reformat(number, (digits) => grouped(digits.slice(0, 19)));
    brand.textContent = brandOf(number.value.replace(/\D/g, ""));
  });
  expiry.addEventListener("input", (event) => {
    if ((event.inputType || "").startsWith("delete")) return;
    const ended = /^\s*\d\s*[/-]/.test(expiry.value);
    reformat(expiry, (digits) => {
      if (ended || /^[2-9]/.test(digits)) digits = "0" + digits;
      return digits.length < 2 ? digits : digits.slice(0, 2) + " / " + digits.slice(2, 6);
    });
  });
}

async function watch(known) {
  const address = location.pathname + "/status";
  for (let pause = WATCH_FIRST_MS; ; pause = Math.min(pause * 1.5, WATCH_LAST_MS)) {
    await new Promise((wake) => setTimeout(wake, pause));
    if (document.hidden) continue;
    try {
      const answer = await fetch(address, { cache: "no-store", headers: { accept: "application/json" } });
      if (answer.ok && (await answer.json()).status !== known) break;
    } catch {
      // No network for a moment: the next round asks again.
    }
  }
  location.replace(location.pathname);
}

// Once: whoever comes back by the browser's own button finds the page as it is, and may stay.
function lead(there) {
  try {
    if (sessionStorage.getItem("led") === there.dataset.lead) return;
    sessionStorage.setItem("led", there.dataset.lead);
  } catch {
    return;  // nothing can be remembered here: the button leads on
  }
  if (there.requestSubmit) there.requestSubmit();
  else there.click();
}

for (const time of document.querySelectorAll("time[datetime]")) {
  time.textContent = new Date(time.dateTime).toLocaleString("en-GB", {
    day: "numeric", month: "long", year: "numeric",
    hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
  });
}
const form = document.querySelector("form[data-pay]");
if (form) improve(form);
const there = document.querySelector("[data-lead]");
if (there) lead(there);
const watched = document.querySelector("[data-watch]");
if (watched) watch(watched.dataset.watch);
