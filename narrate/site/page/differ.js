// What differs between two recordings of a lesson, beyond what differs between any
// two runs: process ids, inodes, names and ids count as the same.

// normal gathers the values that this run alone has, and returns settle(text),
// which puts their kinds in their place.
export function normal(steps) {
  const numbers = new Map();
  const names = new Map();
  const number = (n, kind) => { if (n > 1) numbers.set(String(n), kind); };
  const name = (text, kind) => { if (text && text.length > 2) names.set(text, kind); };
  for (const step of steps) {
    const { probe = {}, point } = step;
    for (const p of probe.processes ?? []) [p.pid, p.parent, ...(p.nspid ?? [])].forEach(n => number(n, 'pid'));
    for (const n of probe.namespaces ?? []) [n.inode, n.host, n.daemon].filter(Boolean).forEach(i => number(i, 'ns'));
    number(point?.pid, 'pid');
    name(step.dataRoot, 'data');
    name(step.dataRoot?.replace(/\/data$/, ''), 'dir');
    const fact = point?.fact ?? {};
    number(fact.inode, 'ns');
    if (point?.stage === 'container.create') {
      name(fact.id, 'id');
      name(fact.id?.slice(0, 12), 'id');
      name(fact.name, 'name');
    }
    name(fact.registry, 'registry');
    if (point?.stage === 'network.attach') for (const k of ['veth', 'mac', 'bridge', 'gateway']) name(fact[k], k);
    name(fact.address?.split('/')[0], 'address');
  }
  const quote = text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const own = new RegExp([...names.keys()].sort((a, b) => b.length - a.length).map(quote).join('|') || '(?!)', 'g');
  const known = new Map(); // the same rows come at many steps
  const settle = text => {
    if (!known.has(text)) {
      known.set(text, String(text)
        .replace(own, value => `‹${names.get(value)}›`)
        .replace(/\b\d{2,}\b/g, n => (numbers.has(n) ? `‹${numbers.get(n)}›` : n))
        .replace(/^and \d+ mounts of the host$/, 'and ‹n› mounts of the host')
        .replace(/-\d{6,}\b/g, '-‹random›') // of temporary files
        .replace(/\d+(\.\d+)? ?(ms|µs)\b/g, '‹time›')
        .replace(/\d{4}-\d{2}-\d{2}T[\d:.]+Z?|"Created":\d+/g, '‹moment›')
        .replace(/(About an? |Less than a )?\d* ?(second|minute)s? ago/g, '‹moment›')
        .replace(/learndocker\/\S+/g, 'learndocker/‹version›'));
    }
    return known.get(text);
  };
  return { settle };
}

// align pairs the steps of two recordings, in order, by the longest common
// sequence of what was done. A step that one alone has stands alone.
function align(left, right) {
  const keys = r => r.steps.map(s => `${s.kind} ${r.settle(s.command ?? '')} ${s.point?.stage ?? ''}`);
  const [a, b] = [keys(left), keys(right)];
  const length = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) length[i][j] = a[i] === b[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
  }
  const pairs = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) pairs.push({ left: left.steps[i++], right: right.steps[j++] });
    else if (j === b.length || (i < a.length && length[i + 1][j] >= length[i][j + 1])) pairs.push({ left: left.steps[i++] });
    else pairs.push({ right: right.steps[j++] });
  }
  return pairs;
}

// Measurements differ from run to run too.
const measured = /memory\.(current|peak|usage_in_bytes|max_usage_in_bytes)|cpu\.stat|cpuacct\.usage/;

// mark notes which of the rows the other side does not have, as often, and which
// of those are fresh: had there been no such difference before.
function mark(rows, others, settle, settleOther, fresh) {
  const key = (row, s) => (measured.test(row.cells[0]) ? s(row.cells[0]) : row.cells.map(s).join('\0'));
  const had = new Map();
  for (const row of others) had.set(key(row, settleOther), (had.get(key(row, settleOther)) ?? 0) + 1);
  return rows.map(row => {
    const k = key(row, settle);
    const left = had.get(k) ?? 0;
    had.set(k, left - 1);
    const differs = left <= 0;
    return { cells: row.cells.filter((c, i) => c !== '' || i === 0), differs, fresh: differs && fresh(k) };
  });
}

// table is a panel ready to be compared. Of system calls the call itself counts,
// not how the same is done by hand.
function table(panel) {
  if (!panel) return null;
  return { ...panel, rows: panel.kind === 'acts' ? panel.rows.map(r => ({ cells: r.cells.slice(0, 1) })) : panel.rows };
}

// claims are paired by their place.
function claims(step, other, settle, settleOther) {
  return (step?.claims ?? []).map((c, i) => {
    const o = other?.claims?.[i];
    return { ...c, differs: !other || !o || o.holds !== c.holds || settle(c.say) !== settleOther(o.say) };
  });
}

// compare says of each pair what differs in it. A difference counts where it comes
// up first, not where it only lasts.
export function compare(left, right) {
  const before = new Set();
  return align(left, right).map(pair => ({ ...pair, differs: differ(pair, left, right, before) }));
}

function differ({ left: a, right: b }, left, right, before) {
  const now = new Set();
  const fresh = (kind, side) => key => {
    const whole = `${kind}\0${side}\0${key}`;
    now.add(whole);
    return !before.has(whole);
  };
  const found = { claims: { a: claims(a, b, left.settle, right.settle), b: claims(b, a, right.settle, left.settle) }, panels: [], count: 0 };
  const kinds = [...new Set([...(a?.panels ?? []), ...(b?.panels ?? [])].map(p => p.kind))];
  for (const kind of kinds) {
    const [pa, pb] = [a, b].map(s => table((s?.panels ?? []).find(p => p.kind === kind)));
    const one = {
      kind, title: (pa ?? pb).title,
      a: pa && { ...pa, rows: mark(pa.rows, pb?.rows ?? [], left.settle, right.settle, fresh(kind, 'a')) },
      b: pb && { ...pb, rows: mark(pb.rows, pa?.rows ?? [], right.settle, left.settle, fresh(kind, 'b')) },
    };
    const rows = [...(one.a?.rows ?? []), ...(one.b?.rows ?? [])];
    one.differs = rows.some(r => r.differs);
    one.fresh = rows.some(r => r.fresh);
    found.panels.push(one);
    found.count += one.fresh ? 1 : 0;
  }
  for (const key of now) before.add(key);
  const said = Math.max(...['a', 'b'].map(s => found.claims[s].filter(c => c.differs).length));
  found.count += said;
  if (!a || !b) found.count = Math.max(found.count, 1);
  return found;
}
