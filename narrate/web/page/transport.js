// A transport brings a session's lines to the page and takes its wishes away.
// The lines are JSON, one message each: {header}, {step}, {state}. A recording is
// the same with the header and the steps bare. So a session can come from a
// server, from a file, or from any stream of bytes.
//
//   open(receive)   calls receive(message) for each line, and receive({lost: true})
//                   while the connection is broken
//   send(wish)      resolves when the wish has been taken; rejects with its refusal

// lines calls each with every line's JSON as it comes in.
async function lines(stream, each) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n');
    rest = parts.pop();
    for (const line of parts) if (line.trim()) each(JSON.parse(line));
  }
}

// persist tries again what the network broke off. A browser does that to every
// request when an interface comes or goes, and a container's start makes one.
async function persist(ask) {
  for (let wait = 50; ; wait *= 2) {
    try { return await ask(); } catch (error) {
      if (wait > 2000) throw error;
      await new Promise(again => setTimeout(again, wait));
    }
  }
}

// live follows a server's session. A page that loses it comes back by itself
// and asks for what it has missed.
export function live(token, voter) {
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  let steps = 0;
  let sent = Promise.resolve(); // wishes are sent one after the other
  const post = async wish => {
    const [where, body] = wish.do === 'vote' ? ['vote', { step: wish.step, key: wish.key, voter }] : ['do', wish];
    const answer = await persist(() => fetch(where, { method: 'POST', headers: { ...authorization, 'Content-Type': 'application/json' }, body: JSON.stringify(body) }));
    if (!answer.ok) throw new Error(await answer.text());
  };
  const once = async receive => {
    const answer = await fetch(`session?after=${steps}`, { headers: authorization, cache: 'no-store' });
    if (!answer.ok) {
      receive({ refused: await answer.text(), status: answer.status });
      return answer.status < 500;
    }
    let over = false;
    await lines(answer.body, message => {
      if (message.step) steps++;
      over = Boolean(message.state?.over);
      receive(message);
    });
    return over;
  };
  return {
    leads: Boolean(token),
    async open(receive) {
      for (let wait = 50; ; wait = Math.min(wait * 2, 4000)) {
        const began = Date.now();
        try {
          if (await once(receive)) return;
        } catch { /* the network: tried again below */ }
        if (Date.now() - began > 5000) wait = 50;
        if (wait > 400) receive({ lost: true }); // shorter is not worth a word
        await new Promise(again => {
          const timer = setTimeout(again, wait);
          addEventListener('online', () => { clearTimeout(timer); again(); }, { once: true });
        });
      }
    },
    send(wish) {
      const mine = sent.then(() => post(wish));
      sent = mine.catch(() => {});
      return mine;
    },
  };
}

// recording plays a file. The page itself leads.
export function recording(address) {
  return {
    leads: true,
    local: true,
    async open(receive) {
      const answer = await fetch(address);
      if (!answer.ok) {
        receive({ refused: `${address}: ${answer.status} ${answer.statusText}` });
        return;
      }
      await stream(answer.body, receive);
    },
    async send() {},
  };
}

// bytes plays any stream of bytes that holds a recording.
export function bytes(source) {
  return { leads: true, local: true, open: receive => stream(source, receive), async send() {} };
}

async function stream(source, receive) {
  await lines(source, message => {
    if (message['learndocker-recording']) receive({ header: message, role: 'teacher', replay: true });
    else receive({ step: message });
  });
  receive({ state: { ended: true } });
}
