// What makes the pages more comfortable. Everything works without it.
"use strict";

(() => {
  const page = document.documentElement;
  const root = page.dataset.root;
  const main = document.querySelector("main");
  const freshness = document.getElementById("freshness");
  const EVERY = 10_000; // upstreams and passes change without an event
  const AGAIN = 30_000;
  const PATIENCE = 15_000; // a page that takes longer does not come any more
  const PATIENCE_WITH_PLANS = 300_000; // they look at every upstream
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
  let isKept = false; // a part is left as it was, because somebody marks or types something there

  const shown = new Map(); // what the server last sent of each part, to leave alone what did not change
  const partsOf = (within) => [...within.querySelectorAll(":scope > [data-part], :scope > [data-load]")];
  const versionOf = (part) => part.dataset.load ? part.dataset.state : part.outerHTML;

  const FOCUSABLE = "a[href], button, summary, [tabindex]";
  const SCROLLED = ".scroll, pre";
  const nameOf = (one) => one.id || one.getAttribute("href") || one.dataset.copy || one.textContent;

  const focused = () => { // what has the keyboard, so that it can be found again when its part is another
    const one = document.activeElement;
    const part = one.closest("main > [data-part], main > [data-load]");
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

  // what somebody types or marks to copy it is not taken away
  const isMarking = (within) => {
    const marked = getSelection();
    return Boolean(marked && !marked.isCollapsed && marked.containsNode(within, true));
  };
  const isTyping = (within) => {
    const one = document.activeElement;
    return one.matches("input, textarea") && within.contains(one);
  };
  const isInUse = (within) => isMarking(within) || isTyping(within);

  const put = (fresh, from) => {
    document.title = fresh.title;
    const wasShort = inShort();
    const hadFocus = focused();
    const now = partsOf(main);
    const next = partsOf(from);
    let before = null;
    isKept = false;
    for (const part of next) {
      const old = now.find((one) => one.id === part.id);
      const version = versionOf(part);
      if (old && shown.get(part.id) === version) {
        before = old;
      } else if (old && isInUse(old)) {
        isKept = true;
        before = old;
      } else {
        const mounted = document.importNode(part, true);
        if (old) {
          replace(old, mounted);
        } else {
          if (before) before.after(mounted); else main.prepend(mounted);
          localTimes(mounted);
        }
        if (mounted.dataset.load) loadInView(mounted);
        shown.set(part.id, version);
        before = mounted;
      }
    }
    for (const old of now) {
      if (next.some((part) => part.id === old.id)) continue;
      if (isInUse(old)) isKept = true; else old.remove();
    }
    focusAgain(hadFocus);
    if (inShort() !== wasShort) announce(inShort());
  };

  const ask = (address, patience) => fetch(address, {
    headers: { Accept: "text/html" },
    redirect: "manual",
    cache: "no-store",
    signal: AbortSignal.timeout?.(patience), // a little older browsers wait for as long as it takes
  });

  const loadAnew = () => {
    if (isInUse(main)) say("This page cannot be kept up to date any more: load it anew."); else location.reload();
  };

  const refresh = async () => {
    if (isBusy) { isAskedAgain = true; return; }
    if (document.hidden) return;
    isBusy = true;
    try {
      const reply = await ask(location.href, PATIENCE);
      if (reply.type === "opaqueredirect") return loadAnew(); // signed out meanwhile
      if (!reply.ok && reply.status !== 404) throw new Error(String(reply.status));
      const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
      const from = fresh.querySelector("main");
      if (!from?.dataset.live) return loadAnew();
      put(fresh, from);
      if (lostAt) announce("The service can be reached again.");
      lostAt = null;
      const exception = isKept ? ", except where you mark or type" : "";
      say((isFollowing ? "Live: as of " : "As of ") + new Date().toLocaleTimeString() + exception + ".");
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
    source.addEventListener("timeline", (event) => {
      if (!main.dataset.about || JSON.parse(event.data).deletion === main.dataset.about) soon();
    });
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
      const reply = await ask(section.dataset.load, PATIENCE_WITH_PLANS);
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
    const what = button.getAttribute("aria-label").replace("Copy ", ""); // it is read out instead of the button's text
    let said = "Copied " + what + ".";
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch { // only secure pages may write; mark the text, so that a key does it
      getSelection().selectAllChildren(source);
      button.textContent = "Marked: press Ctrl C";
      said = "Marked " + what + ": press Ctrl C.";
    }
    announce(said);
    setTimeout(() => {
      button.textContent = "Copy";
      if (announcer?.textContent === said) announce(""); // so that the same words are heard again
    }, 3000);
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
    for (const part of partsOf(main)) shown.set(part.id, part.dataset.load ? versionOf(part) : "");
    if (main.dataset.live === "events") follow();
    setInterval(refresh, EVERY);
    document.addEventListener("selectionchange", () => { if (isKept && !isMarking(main)) soon(); });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return rest();
      if (main.dataset.live === "events") follow();
      refresh();
    });
  }
})();
