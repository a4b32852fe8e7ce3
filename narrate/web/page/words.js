// The page's own fixed words. Those that terminal and page share come with the
// session; what is in neither stays English.
const own = {
  ko: {
    'Next': '다음', 'Back': '뒤로', 'Play': '재생', 'Pause': '멈춤', 'Help': '도움말', 'Theme': '테마', 'Language': '언어', 'Presenter': '발표', 'Notes': '메모',
    'Step': '단계', 'of': '/', 'introduction': '들어가며', 'the end': '끝', 'recorded': '기록', 'live': '실시간', 'waiting for the engine': '엔진을 기다리는 중입니다',
    'connection lost, trying again': '연결이 끊겨 다시 시도하는 중입니다', 'the session is over': '실습이 끝났습니다', 'Back to the teacher': '선생님 단계로 돌아가기',
    'the teacher is at step': '선생님은 지금 단계', 'students': '명이 함께 보고 있습니다', 'Join': '참여', 'Join this lesson': '이 실습에 참여하기', 'join': '참여하기',
    'client': '클라이언트', 'daemon': '데몬', 'registry': '레지스트리', 'store': '이미지 저장소', 'kernel': '커널', 'container': '컨테이너',
    'no image': '이미지 없음', 'image': '이미지', 'layer': '레이어', 'layers': '레이어', 'entries': '항목', 'entry': '항목', 'overlay': '오버레이', 'copy': '복사', 'process': '프로세스',
    'namespace': '네임스페이스', 'namespaces of its own': '자기만의 네임스페이스', 'control group': '컨트롤 그룹', 'memory': '메모리', 'pids': '프로세스 수', 'network': '네트워크', 'bridge': '브리지',
    'host': '호스트', 'held': '멈춰 있음', 'created': '만들어짐', 'running': '실행 중', 'exited': '끝남', 'removed': '지워짐', 'ended': '끝남', 'empty': '비어 있음',
    'shared with the host': '호스트와 함께 쓰는 것', 'files only, no process': '파일만 있고 프로세스는 없음', 'stands in for Docker Hub': 'Docker Hub를 대신함',
    'the API socket': 'API 소켓', 'nothing passes here at this step': '이 단계에서는 여기로 지나가는 것이 없습니다', 'size': '크기', 'directory': '디렉터리', 'inode': '아이노드',
    'members': '들어 있는 프로세스', 'none any more': '이제 없음', 'its files were not looked at in this session': '이 실습에서는 이 레이어의 파일을 들여다보지 않았습니다',
    'files in the store': '저장소의 파일', 'no limit': '제한 없음', 'not done here': '여기서는 하지 않음', '(empty)': '(비어 있음)', 'as read at step': '읽은 단계:', 'close': '닫기',
    'checked: so': '확인함: 맞음', 'checked: not so': '확인함: 아님', 'not so on this machine': '이 컴퓨터에서는 그렇지 않음', 'question': '질문', 'measured': '측정 결과',
    'as you said': '예측하신 그대로입니다', 'you said': '예측', 'the class': '우리 반', 'and': '그리고', 'more': '개 더', 'Try it in a second terminal': '다른 터미널에서 해 보기',
    "the client's terminal": '클라이언트의 터미널', 'type to the client; ^D ends its input': '클라이언트에 입력합니다. ^D는 입력을 끝냅니다', 'More': '더 자세히', 'All panels': '모든 패널', 'Fewer panels': '패널 줄이기',
    'picture': '그림', 'timeline': '타임라인', 'Keys': '키', 'next step': '다음 단계', 'step before': '앞 단계', 'forward through the steps seen': '지나온 단계를 따라 앞으로',
    'answer the question': '질문에 답하기', 'all panels': '모든 패널 보기', 'play and pause': '재생과 멈춤', 'presenter: large type, notes in a second window': '발표: 큰 글씨, 메모는 두 번째 창에',
    'light and dark': '밝게/어둡게', 'close what is open': '열린 것 닫기', 'this help': '이 도움말', 'first and last step': '처음과 마지막 단계',
    'What you can choose in the picture tells more: a wall, a brick, the process.': '그림에서 벽이나 벽돌, 프로세스를 고르면 더 자세히 볼 수 있습니다.',
    'Recorded': '기록함', 'root': 'root', 'an ordinary user': '일반 사용자', 'next up': '이어지는 단계', 'clock': '시계', 'elapsed': '지난 시간', 'the truth is known already': '답이 이미 나왔습니다',
    'Predict first; then go on and see.': '먼저 예측해 보고, 이어서 확인하세요.', 'vote counted': '예측을 보냈습니다',
  },
};

export const languages = { en: 'English', ko: '한국어' };

// speaker returns say(text) for a language.
export function speaker(language, shared) {
  const table = { ...(shared?.[language] ?? {}), ...(own[language] ?? {}) };
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
