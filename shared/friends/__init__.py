"""The buddy list: two people become friends when both say yes, and then each may call the other.

`friends.Friends` holds the rules for the requests of a caller. `friendships.Friendships` writes
each decision to both rows of a friendship, and tells others, such as `shared.sharing`, who has
accepted whom. `rows` is what the table `friends` stores; `contract` holds the queries and answers.
"""
