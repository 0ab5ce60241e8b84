package providerconfig

// Fields is the table of fields and their minors.
var Fields = fields
