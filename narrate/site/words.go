package site

// fixedWords are the site's own fixed words by language and English text; the
// player's come with its page and from Options.
var fixedWords = map[string]map[string]string{
	"ko": {
		"What containers really do": "컨테이너가 실제로 하는 일",
		"Real containers, held still at every stage of their making, with the kernel's own evidence beside every sentence. Everything here was observed on a machine and recorded.": "만들어지는 단계마다 멈춰 세운 실제 컨테이너입니다. 문장마다 커널이 내놓은 증거가 함께 있습니다. 여기 있는 것은 모두 실제 컴퓨터에서 관찰하고 기록한 것입니다.",
		"Lessons":                            "수업",
		"Search all steps":                   "모든 단계에서 찾기",
		"nothing found":                      "찾은 것이 없습니다",
		"stops":                              "단계",
		"minute":                             "분",
		"minutes":                            "분",
		"about":                              "약",
		"Begin":                              "시작하기",
		"Compare recordings":                 "기록 비교",
		"Compare":                            "비교",
		"Languages":                          "언어",
		"Recorded":                           "기록",
		"root":                               "root",
		"an ordinary user":                   "일반 사용자",
		"Stage":                              "단계",
		"Step":                               "단계",
		"of":                                 "/",
		"introduction":                       "들어가며",
		"the end":                            "끝",
		"Before you read on":                 "읽기 전에",
		"The client writes":                  "클라이언트의 출력",
		"measured":                           "측정 결과",
		"not so on this machine":             "이 컴퓨터에서는 그렇지 않음",
		"checked: so":                        "확인함: 맞음",
		"checked: not so":                    "확인함: 아님",
		"Back":                               "뒤로",
		"Next":                               "다음",
		"All lessons":                        "모든 수업",
		"the whole lesson":                   "전체 수업 보기",
		"Page not found":                     "페이지를 찾을 수 없습니다",
		"There is no such page here.":        "그런 페이지가 없습니다.",
		"Comparing needs JavaScript.":        "비교하려면 JavaScript가 필요합니다.",
		"The player needs JavaScript.":       "플레이어에는 JavaScript가 필요합니다.",
		"Embed":                              "넣기",
		"Embed this step":                    "이 단계를 다른 글에 넣기",
		"As a script, which fits its height": "스크립트로: 높이를 스스로 맞춥니다",
		"As a frame":                         "프레임으로",
		"Recording":                          "기록",
		"differences":                        "차이",
		"no difference":                      "차이 없음",
		"row is the same":                    "행은 같음",
		"rows are the same":                  "행은 같음",
		"the same":                           "같음",
		"only in one":                        "한쪽에만 있음",
		"not in this recording":              "이 기록에는 없음",
		"Pictures":                           "그림",
		"Only differences":                   "차이만",
		"different, as before":               "앞 단계와 같은 차이",
		"What it shows":                      "보여 주는 것",
		"steps differ":                       "단계가 다름",
		"A recording of your own":            "내 기록 파일",
		"Values that differ from run to run (process ids, inodes, names) count as the same.": "실행할 때마다 달라지는 값(프로세스 번호, 아이노드, 이름)은 같은 것으로 봅니다.",
		"from":   "출처",
		"claims": "확인한 것",
		"this is no recording of the same lesson": "같은 수업의 기록이 아닙니다",
	},
}

// say is a fixed word in that language.
func say(language, text string) string {
	if t := fixedWords[language][text]; t != "" {
		return t
	}
	return text
}

// names of languages in themselves.
var languageNames = map[string]string{"en": "English", "ko": "한국어"}

func languageName(language string) string {
	if n := languageNames[language]; n != "" {
		return n
	}
	return language
}
