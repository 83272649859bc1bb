package vault

import (
	"container/list"
	"sync"
)

// cacheKey names an unwrapped data key by all that unwrapping binds it to, so
// that a hit proves as much as opening it again.
type cacheKey struct {
	kind    Kind
	unit    string
	wrapped [wrappedSize]byte
}

// lru keeps the data keys used last.
type lru struct {
	mu    sync.Mutex
	limit int
	order *list.List // of *cached, the last used in front
	at    map[cacheKey]*list.Element
}

type cached struct {
	at  cacheKey
	key *Key
}

func newLRU(limit int) *lru {
	return &lru{limit: limit, order: list.New(), at: map[cacheKey]*list.Element{}}
}

func (c *lru) get(at cacheKey) *Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.at[at]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).key
}

func (c *lru) put(at cacheKey, k *Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at[at] != nil {
		return
	}
	c.at[at] = c.order.PushFront(&cached{at, k})
	if c.order.Len() > c.limit {
		old := c.order.Remove(c.order.Back()).(*cached)
		delete(c.at, old.at)
	}
}

func (c *lru) drop(at cacheKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.at[at]; e != nil {
		c.order.Remove(e)
		delete(c.at, at)
	}
}
