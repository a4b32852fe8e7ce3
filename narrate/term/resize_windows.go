package term

import "os"

// onResize never tells: Windows has no signal for it.
func onResize() <-chan os.Signal { return nil }
