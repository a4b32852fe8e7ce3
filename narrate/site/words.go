package site

// languageNames are the languages in themselves.
var languageNames = map[string]string{"en": "English", "ko": "한국어"}

func languageName(language string) string {
	if n := languageNames[language]; n != "" {
		return n
	}
	return language
}
