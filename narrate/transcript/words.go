package transcript

import "github.com/learndocker/learndocker/narrate"

// phrases are this package's own words in one language. Everything else that a
// transcript says comes from the steps.
type phrases struct {
	DateLayout string // of the time package

	Stage, Glance, Contents, Closing         string
	ClientWrites, ByHand, ByHandInside, More string // More: with the number
	BeforeYouReadOn, Measured                string
	NotSoHere, NotExpected                   string
	TryIt, Changed                           string
	What, Value                              string // heads of a table that has none
	EndedHere                                string // step, of
	Watched                                  string // number of steps
	Observed, ObservedOn, AsRoot, AsUser     string // ObservedOn: day; Observed: that, version, who, kernel, arch, cgroup
	PictureTitle, PictureDesc, PosterTitle   string // PictureDesc: the busy boxes
	PosterDesc                               string // number of steps
	StepOf                                   string // number, title
	PostIntro                                string // number of stops, without an introduction
	Box, Role                                map[string]string
}

// phrasesOf returns the phrases of a language, English where there are none.
func phrasesOf(language string) *phrases {
	if p, ok := languages[language]; ok {
		return p
	}
	return languages["en"]
}

var languages = map[string]*phrases{
	"en": {
		DateLayout: "2 January 2006",
		Stage:      "Stage", Glance: "The way at a glance", Contents: "Contents", Closing: "The steps once more",
		ClientWrites: "The client writes:", ByHand: "The same by hand:",
		ByHandInside:    "The same by hand, **inside the container's namespaces** (on the host these lines would do harm):",
		More:            "… and %d more",
		BeforeYouReadOn: "Before you read on:", Measured: "Measured:",
		NotSoHere: "not so on this machine:", NotExpected: "not as the lesson expects:",
		What: "what", Value: "value", TryIt: "To try while it is held:", Changed: "changed since the step before",
		EndedHere: "The run was ended here, at step %d of %d.", Watched: "%d stops were watched.",
		ObservedOn: " on %s", Observed: "Observed%s with learndocker %s, as %s: Linux %s on %s, cgroup %s. Every number was read from the engine, the wire or the kernel while the engine was held still.",
		AsRoot: "root", AsUser: "an ordinary user",
		PictureTitle: "Who is busy", PictureDesc: "Client, daemon, registry, store, kernel and container; busy: %s.",
		PosterTitle: "The whole way, step by step", PosterDesc: "%d steps, each an arrow between client, daemon, registry, store, kernel and container.",
		StepOf: "Step %d: %s", PostIntro: "What follows was watched step by step, at %d stops, with the engine held still at each.",
		Box: map[string]string{
			narrate.BoxClient: "client", narrate.BoxDaemon: "daemon", narrate.BoxRegistry: "registry",
			narrate.BoxStore: "store", narrate.BoxKernel: "kernel", narrate.BoxContainer: "container",
		},
		Role: map[string]string{
			narrate.BoxClient: "sends requests", narrate.BoxDaemon: "does the work", narrate.BoxRegistry: "serves images",
			narrate.BoxStore: "files on disk", narrate.BoxKernel: "system calls", narrate.BoxContainer: "one process",
		},
	},
	"ko": {
		DateLayout: "2006년 1월 2일",
		Stage:      "단계", Glance: "한눈에 보는 과정", Contents: "목차", Closing: "다시 보는 단계",
		ClientWrites: "클라이언트가 출력한 내용:", ByHand: "손으로 똑같이 하려면:",
		ByHandInside:    "손으로 똑같이 하려면 **컨테이너의 네임스페이스 안에서** 실행합니다(호스트에서 실행하면 시스템이 망가질 수 있습니다):",
		More:            "… 외 %d개",
		BeforeYouReadOn: "더 읽기 전에:", Measured: "측정 결과:",
		NotSoHere: "이 컴퓨터에서는 그렇지 않습니다:", NotExpected: "레슨의 예상과 다릅니다:",
		What: "항목", Value: "값", TryIt: "멈춰 있는 동안 해 볼 것:", Changed: "앞 단계 이후 바뀐 값",
		EndedHere: "전체 %[2]d단계 가운데 %[1]d단계에서 실행을 마쳤습니다.", Watched: "모두 %d곳에서 멈추어 관찰했습니다.",
		ObservedOn: "%s ", Observed: "%s관찰 · learndocker %s, %s 권한, Linux %s(%s), cgroup %s. 모든 수치는 엔진을 멈춘 상태에서 엔진, 통신 내용, 커널로부터 직접 읽은 것입니다.",
		AsRoot: "root", AsUser: "일반 사용자",
		PictureTitle: "지금 일하는 곳", PictureDesc: "클라이언트, 데몬, 레지스트리, 저장소, 커널, 컨테이너. 지금 일하는 곳: %s.",
		PosterTitle: "전체 과정", PosterDesc: "클라이언트, 데몬, 레지스트리, 저장소, 커널, 컨테이너 사이를 오가는 %d단계.",
		StepOf: "%d단계: %s", PostIntro: "엔진을 %d곳에서 멈추어 가며 한 단계씩 관찰한 기록입니다.",
		Box: map[string]string{
			narrate.BoxClient: "클라이언트", narrate.BoxDaemon: "데몬", narrate.BoxRegistry: "레지스트리",
			narrate.BoxStore: "저장소", narrate.BoxKernel: "커널", narrate.BoxContainer: "컨테이너",
		},
		Role: map[string]string{
			narrate.BoxClient: "요청을 보냄", narrate.BoxDaemon: "일을 처리함", narrate.BoxRegistry: "이미지를 배포함",
			narrate.BoxStore: "디스크의 파일", narrate.BoxKernel: "시스템 콜", narrate.BoxContainer: "프로세스 하나",
		},
	},
}
