// The niceties of the console. Every page works without them.
import "./keys.js";
import "./grid.js";
import "./form.js";
import "./live.js";

// Times come in UTC and are shown in the reader's own zone; the whole moment stays in the title.
const two = (n) => String(n).padStart(2, "0");
const local = (at) =>
  `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;

function localize() {
  for (const time of document.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.dateTime;
    time.textContent = local(at);
  }
}
localize();
document.addEventListener("fresh", localize);

// Dates are typed in UTC; the reader's own time stands beside them where it differs.
for (const output of document.querySelectorAll("output[data-local]")) {
  const input = document.getElementById(output.htmlFor.value);
  const tell = () => {
    const at = new Date(`${input.value}Z`);
    output.value = Number.isNaN(at.getTime()) || at.getTimezoneOffset() === 0 ? "" : `= ${local(at)}`;
  };
  input.addEventListener("input", tell);
  tell();
}

// On a narrow screen the tabs scroll: the present one is brought into sight.
const tabs = document.querySelector(".tabs");
const tab = tabs?.querySelector("[aria-current]");
if (tab) tabs.scrollLeft = tab.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - tab.clientWidth) / 2;

// What was just done is said once: a reload does not say it again.
const here = new URL(location.href);
if (here.searchParams.has("said")) {
  here.searchParams.delete("said");
  history.replaceState(null, "", here);
}
