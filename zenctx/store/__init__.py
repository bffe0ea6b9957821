"""Bytes by name: the contract of a store, the local directory that fulfils it, and the locators that name its files."""
