package registry

import _ "embed" // for what make generate has made of the directory toolbox

//go:embed image/toolbox-amd64.tar.gz
var toolboxPacked string
