// The fixed words come with the session, from the catalogue that terminal and
// transcripts have too; what is not in it stays English.

// nameOf is a language's name in itself.
export const nameOf = language => new Intl.DisplayNames([language], { type: 'language' }).of(language);

// speaker returns say(text) for a language.
export function speaker(language, words) {
  const table = words?.[language] ?? {};
  return text => table[text] ?? text;
}

// localize is the step with its words in the language.
export function localize(step, language) {
  const words = step?.in?.[language];
  if (!words) return step;
  return {
    ...step, title: words.title || step.title, prose: words.prose || step.prose, more: words.more || step.more,
    claims: step.claims?.map((c, i) => ({ ...c, say: words.claims?.[i] ?? c.say })),
    try: step.try?.map((t, i) => ({ ...t, why: words.tries?.[i] ?? t.why })),
    question: step.question && (words.question ?? step.question),
    outcomes: words.outcomes?.length === step.outcomes?.length ? words.outcomes : step.outcomes,
  };
}

// choose picks the reader's language among those that there are.
export function choose(have, wanted) {
  for (const w of wanted) {
    const found = have.find(h => h === w || h === w.split('-')[0]);
    if (found) return found;
  }
  return have[0] ?? 'en';
}
