package registry

import _ "embed" // for what make generate has made of the directory toolbox

//go:embed image/toolbox-386.tar.gz
var toolboxPacked string
