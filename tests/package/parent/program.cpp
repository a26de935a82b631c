// A program of a project that has dlengine as a part; never compiled.
int main() { return 0; }
