// Puts a lesson, or a step of it, where this script stands:
//
//   <script src="https://…/embed.js" data-lesson="hello-world" data-step="14"></script>
//
// It makes a frame, so neither page can disturb the other; nothing is stored, and
// the frame tells no more than its height. data-language and data-theme ("light",
// "dark") choose what the reader's browser chooses otherwise.
(() => {
  const script = document.currentScript;
  const { lesson, step, language, theme } = script?.dataset ?? {};
  if (!lesson) return;
  const wishes = Object.entries({ step, language, theme }).filter(([, value]) => value);
  const frame = document.createElement('iframe');
  frame.src = new URL(`embed/${encodeURIComponent(lesson)}/#${new URLSearchParams(wishes)}`, script.src).href;
  frame.title = `learndocker: ${lesson}`;
  frame.loading = 'lazy';
  frame.referrerPolicy = 'no-referrer';
  frame.allow = 'clipboard-write';
  // Set by property: the page around may forbid style attributes.
  Object.assign(frame.style, { display: 'block', width: '100%', height: '640px', border: '0', colorScheme: 'normal' });
  const most = 4000; // pixels
  addEventListener('message', event => {
    const height = event.source === frame.contentWindow && event.data?.learndocker?.height;
    if (Number.isFinite(height) && height > 0) frame.style.height = `${Math.min(height, most)}px`;
  });
  script.after(frame);
})();
