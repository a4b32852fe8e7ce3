package stage

// The stages of images that are not pulled, and of volumes.
const (
	ImageLoad       Name = "image.load"
	ImageImport     Name = "image.import"
	ImageSave       Name = "image.save"
	ImagePush       Name = "image.push"
	ContainerCommit Name = "container.commit"
	VolumeCreate    Name = "volume.create"
)

// Loaded: an image of an archive is in the store, its layers unpacked.
type Loaded struct {
	Format   string   `json:"format"`   // "oci" where the archive has the image's manifest, else "docker"
	Names    []string `json:"names"`    // that it got, familiar: "app:1"
	ID       string   `json:"id"`       // digest of the image's config
	Manifest string   `json:"manifest"` // digest; of one that was written here where the archive had none
	Layers   []Layer  `json:"layers"`   // the lowest first
	Files    int      `json:"files"`    // in the archive
	Bytes    int64    `json:"bytes"`    // of the archive, unpacked
}

// Imported: an archive of files has become an image of one layer.
type Imported struct {
	ID      string   `json:"id"`
	Name    string   `json:"name,omitempty"` // familiar; "" for none
	Digest  string   `json:"digest"`         // of the layer's blob
	DiffID  string   `json:"diffID"`         // of the archive
	Entries int      `json:"entries"`
	Bytes   int64    `json:"bytes"` // of the archive, unpacked
	Dir     string   `json:"dir"`   // of the unpacked layer
	Changes []string `json:"changes,omitempty"`
}

// Saved: images have been written into an archive.
type Saved struct {
	Names []string `json:"names"` // familiar; of an image without a name its id
	IDs   []string `json:"ids"`
	Blobs int      `json:"blobs"` // files of the archive that are named by their digest
	Bytes int64    `json:"bytes"` // of them
}

// PushedBlob is one blob of a push.
type PushedBlob struct {
	Digest    string `json:"digest"`
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`
	Present   bool   `json:"present"` // the registry had it, nothing was sent
}

// Pushed: a registry has an image's blobs, and a name that points to it.
type Pushed struct {
	Reference string       `json:"reference"`
	Familiar  string       `json:"familiar"`
	Registry  string       `json:"registry"`
	Manifest  string       `json:"manifest"` // digest
	Size      int64        `json:"size"`     // of the manifest
	Blobs     []PushedBlob `json:"blobs"`    // layers, the lowest first; config last
	Sent      int          `json:"sent"`     // how many of them were sent
	Exchanges []Exchange   `json:"exchanges"`
}

// Committed: what a container has written has become a layer of a new image.
type Committed struct {
	Container string  `json:"container"`
	ID        string  `json:"id"`
	Parent    string  `json:"parent"`         // id of the image that the container was made from
	Name      string  `json:"name,omitempty"` // familiar; "" for none
	Digest    string  `json:"digest"`         // of the layer's blob
	DiffID    string  `json:"diffID"`
	Entries   int     `json:"entries"`
	Upper     string  `json:"upper"`  // directory that was packed
	Dir       string  `json:"dir"`    // of the layer, unpacked
	Layers    int     `json:"layers"` // of the new image
	Paused    bool    `json:"paused"` // the container stood still meanwhile
	Changes   Changes `json:"changes"`
}

// VolumeCreated: a volume exists, or has got its first content.
type VolumeCreated struct {
	Name        string `json:"name"`
	Mountpoint  string `json:"mountpoint"` // on the host
	Anonymous   bool   `json:"anonymous"`  // nobody has chosen the name
	Container   string `json:"container,omitempty"`
	Destination string `json:"destination,omitempty"` // in the container
	Copied      int    `json:"copied"`                // entries of the image that were copied into it
}

func (Loaded) Stage() Name        { return ImageLoad }
func (Imported) Stage() Name      { return ImageImport }
func (Saved) Stage() Name         { return ImageSave }
func (Pushed) Stage() Name        { return ImagePush }
func (Committed) Stage() Name     { return ContainerCommit }
func (VolumeCreated) Stage() Name { return VolumeCreate }
