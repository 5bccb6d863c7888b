import com.google.common.collect.ImmutableMap;
import io.trino.Session;
import io.trino.connector.MockConnectorFactory;
import io.trino.spi.connector.ColumnMetadata;
import io.trino.spi.type.TimeZoneKey;
import io.trino.testing.LocalQueryRunner;
import io.trino.testing.MaterializedResult;
import io.trino.testing.MaterializedRow;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import static io.trino.spi.type.VarcharType.VARCHAR;
import static io.trino.testing.TestingSession.testSessionBuilder;

/**
 * Runs each file of a folder as one query in a Trino of its own and writes rows beside it: fields by tab, null as \N.
 *
 * <p>The table month.t.records has the lines of records.tsv, path and record. What made.sql selects is computed once;
 * queries name it as {made}.
 */
public class Trino {
  private static final String NULL = "\u0001";
  private static final DateTimeFormatter WRITTEN = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSS 'UTC'");
  private static final Map<String, List<ColumnMetadata>> COLUMNS = new ConcurrentHashMap<>();
  private static final Map<String, List<List<?>>> ROWS = new ConcurrentHashMap<>();

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    Session session = testSessionBuilder()
        .setTimeZoneKey(TimeZoneKey.UTC_KEY)
        .setSystemProperty("iterative_optimizer_timeout", "20m") // three minutes are too few on a busy machine
        .build();
    LocalQueryRunner runner = LocalQueryRunner.create(session);
    runner.createCatalog("month", MockConnectorFactory.builder()
        .withGetColumns(table -> COLUMNS.get(table.getTableName()))
        .withData(table -> ROWS.get(table.getTableName()))
        .build(), ImmutableMap.of());
    COLUMNS.put("records", List.of(new ColumnMetadata("path", VARCHAR), new ColumnMetadata("j", VARCHAR)));
    ROWS.put("records", Files.readAllLines(folder.resolve("records.tsv")).stream()
        .<List<?>>map(line -> List.of(line.split("\t", 2))).toList());
    String made = keep(runner.execute(Files.readString(folder.resolve("made.sql"))));
    Path[] files = Files.list(folder.resolve("queries")).filter(p -> p.toString().endsWith(".sql")).sorted().toArray(Path[]::new);
    for (Path file : files) {
      Files.writeString(Path.of(file.toString().replace(".sql", ".tsv")), answer(runner, Files.readString(file).replace("{made}", made)), StandardCharsets.UTF_8);
    }
    runner.close();
    System.exit(0);
  }

  /** Keeps rows as text, since the connector takes no null, and returns the SELECT that gives them back in their types. */
  private static String keep(MaterializedResult made) {
    List<ColumnMetadata> columns = new ArrayList<>();
    List<String> selected = new ArrayList<>();
    for (int field = 0; field < made.getTypes().size(); field++) {
      String name = made.getColumnNames().get(field);
      columns.add(new ColumnMetadata(name, VARCHAR));
      selected.add("CAST(NULLIF(" + name + ", '" + NULL + "') AS " + made.getTypes().get(field) + ") AS " + name);
    }
    List<List<?>> rows = new ArrayList<>();
    for (MaterializedRow row : made.getMaterializedRows()) {
      rows.add(row.getFields().stream()
          .map(value -> value == null ? NULL : value instanceof ZonedDateTime at ? WRITTEN.format(at) : String.valueOf(value))
          .toList());
    }
    COLUMNS.put("made", columns);
    ROWS.put("made", rows);
    return "SELECT " + String.join(", ", selected) + " FROM month.t.made";
  }

  private static String answer(LocalQueryRunner runner, String query) {
    StringBuilder text = new StringBuilder();
    try {
      for (MaterializedRow row : runner.execute(query).getMaterializedRows()) {
        for (int field = 0; field < row.getFieldCount(); field++) {
          Object value = row.getField(field);
          String cell = value == null ? "\\N" : String.valueOf(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n");
          text.append(field == 0 ? "" : "\t").append(cell);
        }
        text.append("\n");
      }
    } catch (Throwable problem) {
      return "!" + String.valueOf(problem.getMessage()).split("\n")[0] + "\n";
    }
    return text.toString();
  }
}
