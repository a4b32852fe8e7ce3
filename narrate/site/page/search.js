// The search over all steps. Its index is fetched when somebody begins to search.
const told = JSON.parse(document.getElementById('site').textContent);
const form = document.getElementById('search');
const input = document.getElementById('wanted');
const list = document.getElementById('found');
form.hidden = false;

let index;
const load = () => (index ??= fetch(told.index).then(answer => answer.json()));

const most = 20; // results

// look finds the steps that have all words, those first that have them in the title.
function look(steps, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const score = step => {
    let sum = 0;
    for (const word of words) {
      if (step.t.toLowerCase().includes(word)) sum += 4;
      else if (step.s?.includes(word)) sum += 3;
      else if (step.x.toLowerCase().includes(word)) sum += 1;
      else return 0;
    }
    return sum;
  };
  return steps.map(step => [score(step), step]).filter(([s]) => s > 0).sort(([a], [b]) => b - a).slice(0, most).map(([, step]) => step);
}

// around is the text where the first of the words stands.
function around(step, text) {
  const word = text.toLowerCase().split(/\s+/).find(w => w && step.x.toLowerCase().includes(w));
  const at = word ? step.x.toLowerCase().indexOf(word) : 0;
  const from = at < 60 ? 0 : step.x.indexOf(' ', at - 60) + 1;
  const part = step.x.slice(from, from + 170);
  const box = document.createElement('p');
  const hit = word ? part.toLowerCase().indexOf(word) : -1;
  if (hit < 0) box.append(part, '…');
  else {
    const mark = document.createElement('mark');
    mark.textContent = part.slice(hit, hit + word.length);
    box.append(from ? '…' : '', part.slice(0, hit), mark, part.slice(hit + word.length), '…');
  }
  return box;
}

function item(step, text) {
  const li = document.createElement('li');
  const link = document.createElement('a');
  link.href = told.root + step.a;
  link.textContent = step.t;
  const lesson = document.createElement('span');
  lesson.className = 'faint small';
  lesson.textContent = [step.l, step.s].filter(Boolean).join(' · ');
  li.append(link, lesson, around(step, text));
  return li;
}

async function search() {
  const text = input.value.trim();
  const steps = look(await load(), text);
  if (text !== input.value.trim()) return; // somebody types faster than the network
  list.replaceChildren(...steps.map(step => item(step, text)));
  if (text && !steps.length) {
    const li = document.createElement('li');
    li.textContent = told.none;
    list.append(li);
  }
}

input.addEventListener('focus', load, { once: true });
input.addEventListener('input', search);
form.addEventListener('submit', event => {
  event.preventDefault();
  list.querySelector('a')?.click();
});
addEventListener('keydown', event => {
  if (event.key === '/' && document.activeElement !== input) {
    event.preventDefault();
    input.focus();
  }
});
