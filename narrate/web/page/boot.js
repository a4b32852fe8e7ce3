// A browser breaks off what it loads when a network interface comes or goes, and
// containers make interfaces: what did not come is asked for once more.
addEventListener('error', event => {
  if (!/^(SCRIPT|LINK)$/.test(event.target?.tagName ?? '')) return;
  const tries = Number(sessionStorage.getItem('boot') ?? 0);
  if (tries > 5) return;
  sessionStorage.setItem('boot', tries + 1);
  setTimeout(() => location.reload(), 300);
}, true);
