import io.trino.Session;
import io.trino.spi.type.TimeZoneKey;
import io.trino.testing.LocalQueryRunner;
import io.trino.testing.MaterializedResult;
import io.trino.testing.MaterializedRow;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import static io.trino.testing.TestingSession.testSessionBuilder;

/** Runs each file of a folder as one query in a Trino of its own and writes rows beside it: fields by tab, null as \N. */
public class Trino {
  public static void main(String[] arguments) throws Exception {
    Session session = testSessionBuilder()
        .setTimeZoneKey(TimeZoneKey.UTC_KEY)
        .setSystemProperty("iterative_optimizer_timeout", "20m") // three minutes are too few on a busy machine
        .build();
    LocalQueryRunner runner = LocalQueryRunner.create(session);
    Path[] files = Files.list(Path.of(arguments[0])).filter(p -> p.toString().endsWith(".sql")).sorted().toArray(Path[]::new);
    for (Path file : files) {
      StringBuilder text = new StringBuilder();
      try {
        MaterializedResult result = runner.execute(Files.readString(file));
        for (MaterializedRow row : result.getMaterializedRows()) {
          for (int field = 0; field < row.getFieldCount(); field++) {
            Object value = row.getField(field);
            String cell = value == null ? "\\N" : String.valueOf(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n");
            text.append(field == 0 ? "" : "\t").append(cell);
          }
          text.append("\n");
        }
      } catch (Throwable problem) {
        text = new StringBuilder("!" + String.valueOf(problem.getMessage()).split("\n")[0] + "\n");
      }
      Files.writeString(Path.of(file.toString().replace(".sql", ".tsv")), text.toString(), StandardCharsets.UTF_8);
    }
    runner.close();
    System.exit(0);
  }
}
