// What makes the pages more comfortable. Everything works without it.
"use strict";

(() => {
  const page = document.documentElement;
  const root = page.dataset.root;
  const main = document.querySelector("main");
  const freshness = document.getElementById("freshness");
  const EVERY = 10_000; // upstreams and passes change without an event
  const AGAIN = 30_000;
  page.classList.add("js");

  const say = (words) => {
    if (freshness && freshness.textContent !== words) freshness.textContent = words;
  };

  const announcer = document.getElementById("announcer");
  const announce = (words) => { // for who listens to the page: only what matters, not every renewal
    if (announcer && announcer.textContent !== words) announcer.textContent = words;
  };
  const inShort = () => main.querySelector("h1")?.textContent.replace(/\s+/g, " ").trim() ?? "";

  const localTimes = (within) => {
    for (const time of within.querySelectorAll("time[datetime]")) {
      time.title = new Date(time.dateTime).toLocaleString() + " (" + time.title + ")";
    }
  };

  // --- keeping the page up to date: the server renders, only what differs is put in ---

  let isBusy = false;
  let isAskedAgain = false;
  let isFollowing = false;
  let lostAt = null;

  const shown = new Map(); // what the server last sent of each part, to leave alone what did not change
  const partsOf = (within) => [...within.querySelectorAll(":scope > [data-part]")];

  const FOCUSABLE = "a[href], button, summary, [tabindex]";
  const SCROLLED = ".scroll, pre";
  const nameOf = (one) => one.id || one.getAttribute("href") || one.dataset.copy || one.textContent;

  const focused = () => { // what has the keyboard, so that it can be found again when its part is another
    const one = document.activeElement;
    const part = one.closest("main > [data-part]");
    if (!part) return null;
    const isHushed = Boolean(one.closest(".hushed"));
    return { name: nameOf(one), part: part.id, at: [...part.querySelectorAll(FOCUSABLE)].indexOf(one), isHushed };
  };

  const focusAgain = (was) => {
    if (!was || document.activeElement !== document.body) return;
    const near = [...(document.getElementById(was.part)?.querySelectorAll(FOCUSABLE) ?? [])];
    const everywhere = [...main.querySelectorAll(FOCUSABLE)];
    const isIt = (one) => nameOf(one) === was.name;
    const one = near.find(isIt) ?? everywhere.find(isIt) ?? near[Math.min(was.at, near.length - 1)] ?? main;
    if (was.isHushed) one.closest(".chips li")?.classList.add("hushed");
    one.focus({ preventScroll: true });
  };

  const replace = (old, fresh) => {
    for (const one of old.querySelectorAll("details[id]")) {
      const again = fresh.querySelector("#" + CSS.escape(one.id));
      if (again) again.open = one.open;
    }
    const scrolled = [...old.querySelectorAll(SCROLLED)].map((one) => [one.scrollLeft, one.scrollTop]);
    old.replaceWith(fresh);
    [...fresh.querySelectorAll(SCROLLED)].forEach((one, at) => {
      if (scrolled[at]) [one.scrollLeft, one.scrollTop] = scrolled[at];
    });
    localTimes(fresh);
  };

  const put = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const from = fresh.querySelector("main");
    if (!from || !from.dataset.live) return location.reload();
    document.title = fresh.title;
    const wasShort = inShort();
    const hadFocus = focused();
    const now = partsOf(main);
    const next = partsOf(from);
    let before = null;
    for (const part of next) {
      const old = now.find((one) => one.id === part.id);
      const text = part.outerHTML;
      const mounted = document.importNode(part, true);
      if (!old) {
        if (before) before.after(mounted); else main.prepend(mounted);
        localTimes(mounted);
      } else if (shown.get(part.id) !== text) {
        replace(old, mounted);
      }
      shown.set(part.id, text);
      before = document.getElementById(part.id);
    }
    for (const old of now) if (!next.some((part) => part.id === old.id)) old.remove();
    for (const old of main.querySelectorAll("[data-load]")) {
      const part = from.querySelector("#" + CSS.escape(old.id));
      if (!part) { // there is nothing ahead any more
        old.remove();
      } else if (part.dataset.state !== old.dataset.state) {
        const mounted = document.importNode(part, true);
        old.replaceWith(mounted);
        loadInView(mounted);
      }
    }
    focusAgain(hadFocus);
    if (inShort() !== wasShort) announce(inShort());
  };

  const isInUse = () => { // what somebody types or marks to copy it is not taken away
    const marked = getSelection();
    const isMarked = marked && !marked.isCollapsed && main.contains(marked.anchorNode);
    return isMarked || document.activeElement?.matches("main input, main textarea");
  };

  const refresh = async () => {
    if (isBusy) { isAskedAgain = true; return; }
    if (document.hidden || isInUse()) return;
    isBusy = true;
    try {
      const reply = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual", cache: "no-store" });
      if (reply.type === "opaqueredirect") return location.reload(); // signed out meanwhile
      if (!reply.ok && reply.status !== 404) throw new Error(String(reply.status));
      put(await reply.text());
      if (lostAt) announce("The service can be reached again.");
      lostAt = null;
      say((isFollowing ? "Live: as of " : "As of ") + new Date().toLocaleTimeString() + ".");
    } catch {
      if (!lostAt) announce("The service cannot be reached.");
      lostAt ??= new Date();
      say("The service cannot be reached since " + lostAt.toLocaleTimeString() + "; this page is older than that.");
    } finally {
      isBusy = false;
      if (isAskedAgain) { isAskedAgain = false; soon(); }
    }
  };

  let timer = 0;
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 300); };

  let source = null;

  const follow = () => { // a hidden tab gives its connection back: browsers allow only a few to one host
    if (source || document.hidden) return;
    source = new EventSource(root + "/events");
    source.addEventListener("open", () => { isFollowing = true; soon(); });
    source.addEventListener("timeline", soon);
    source.addEventListener("error", () => {
      isFollowing = false;
      if (source?.readyState === EventSource.CLOSED) { // refused: another stream may be welcome later
        source = null;
        setTimeout(follow, AGAIN);
      }
      soon();
    });
  };

  const rest = () => {
    source?.close();
    source = null;
    isFollowing = false;
  };

  // --- the plan of a deletion: looking at the upstreams takes a moment, so it comes after the page ---

  const load = async (section) => {
    const link = section.querySelector("p");
    const waiting = document.createElement("p");
    waiting.textContent = "Looking at the upstreams …";
    link.hidden = true;
    section.append(waiting);
    try {
      const reply = await fetch(section.dataset.load, { headers: { Accept: "text/html" }, redirect: "manual" });
      const plan = new DOMParser().parseFromString(await reply.text(), "text/html").querySelector(".plan");
      if (!plan) throw new Error(String(reply.status));
      section.append(document.importNode(plan, true));
    } catch {
      link.hidden = false;
    } finally {
      waiting.remove();
    }
  };

  const inView = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      inView.unobserve(entry.target);
      load(entry.target);
    }
  });
  const loadInView = (section) => inView.observe(section);

  // --- copying ---

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch { // only secure pages may write; mark the text, so that a key does it
      getSelection().selectAllChildren(source);
      button.textContent = "Marked: press Ctrl C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 3000);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button.copy");
    if (button) copy(button);
  });

  // --- explanations of chips: Escape closes what shows, until the chip is left ---

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const chip of document.querySelectorAll(".chips li:is(:hover, :focus-within)")) chip.classList.add("hushed");
  });
  for (const left of ["focusout", "pointerout"]) {
    document.addEventListener(left, (event) => {
      const chip = event.target.closest?.(".chips li.hushed");
      if (chip && !chip.contains(event.relatedTarget)) chip.classList.remove("hushed");
    });
  }

  localTimes(document);
  for (const section of document.querySelectorAll("[data-load]")) loadInView(section);
  if (main.dataset.live) {
    for (const part of partsOf(main)) shown.set(part.id, "");
    if (main.dataset.live === "events") follow();
    setInterval(refresh, EVERY);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return rest();
      if (main.dataset.live === "events") follow();
      refresh();
    });
  }
})();
