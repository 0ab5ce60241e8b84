package cache

// FillDisk makes every write of the cache fail as on a full disk.
func (c *Cache) FillDisk() { c.diskFull = true }
