(function () {
  "use strict";
  var page = document, shown = 0;
  function all(selector, use) { page.querySelectorAll(selector).forEach(use); }

  // Shows or hides a password. It is hidden again before it is sent and when the page is left.
  all("[data-reveal]", function (button) {
    var input = page.getElementById(button.dataset.reveal);
    var status = button.parentNode.querySelector("[role=status]");
    function set(visible) {
      input.type = visible ? "text" : "password";
      button.textContent = button.dataset[visible ? "hide" : "show"];
      button.setAttribute("aria-label", button.dataset[visible ? "hideLabel" : "showLabel"]);
    }
    function hide() { set(false); status.textContent = ""; }
    button.addEventListener("click", function () {
      set(input.type === "password");
      status.textContent = status.dataset[input.type === "text" ? "shown" : "hidden"];
    });
    input.form.addEventListener("submit", hide);
    addEventListener("pagehide", hide);
    button.hidden = false;
  });

  all("time[datetime]", function (time) {
    var date = new Date(time.dateTime);
    if (!isNaN(date)) time.textContent = date.toLocaleString(page.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
  });

  // Ignores a press that began before the page could be read.
  function mark() { shown = performance.now(); }
  mark();
  addEventListener("focus", mark);
  addEventListener("pageshow", mark);
  page.addEventListener("visibilitychange", mark);
  all("form[data-guard]", function (form) {
    form.addEventListener("submit", function (event) {
      if (performance.now() - shown < 500) event.preventDefault();
    });
  });

  // Not after "back": the client would get the same answer twice.
  all("form[data-autosubmit]", function (form) {
    var entry = performance.getEntriesByType("navigation")[0];
    if (!entry || entry.type !== "back_forward") HTMLFormElement.prototype.submit.call(form);
  });
})();
