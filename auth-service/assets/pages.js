(() => {
  "use strict";
  var page = document, shown = 0;
  function all(selector, use) { page.querySelectorAll(selector).forEach(use); }

  // Shows or hides a password. It is hidden before it is sent, and gone when the page is left.
  all("[data-reveal]", (button) => {
    var input = page.getElementById(button.dataset.reveal);
    var status = button.nextElementSibling;
    function set(visible) {
      input.type = visible ? "text" : "password";
      button.textContent = button.dataset[visible ? "hide" : "show"];
      button.setAttribute("aria-label", button.dataset[visible ? "hideLabel" : "showLabel"]);
    }
    function hide() { set(false); status.textContent = ""; }
    button.addEventListener("click", () => {
      set(input.type === "password");
      status.textContent = status.dataset[input.type === "text" ? "shown" : "hidden"];
    });
    input.form.addEventListener("submit", hide);
    addEventListener("pagehide", () => { hide(); input.value = ""; });
    button.hidden = false;
  });

  all("time[datetime]", (time) => {
    var date = new Date(time.dateTime);
    if (!isNaN(date)) time.textContent = date.toLocaleString(page.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
  });

  // Ignores a press that began before the page could be read.
  function mark() { shown = performance.now(); }
  mark();
  addEventListener("focus", mark);
  addEventListener("pageshow", (event) => {
    mark();
    // After "back", somebody else may be signed in.
    if (event.persisted && page.querySelector("[data-live]")) location.reload();
  });
  page.addEventListener("visibilitychange", mark);
  page.addEventListener("submit", (event) => {
    if (event.target.matches("[data-guard]") && performance.now() - shown < 500) event.preventDefault();
  });

  // Not after "back": the client would get the same answer twice.
  all("form[data-autosubmit]", (form) => {
    if (performance.getEntriesByType("navigation")[0]?.type !== "back_forward") HTMLFormElement.prototype.submit.call(form);
  });
})();
